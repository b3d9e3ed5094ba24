// Which region is under the pointer, or was chosen by key: its score, its error, its outline.

const pointing = { voxel: null };

/** The region that is pointed at now, or else the one that was chosen. */
const marked = () => (pointing.voxel === null ? now.region : regionHere(pointing.voxel));

/** The region of a voxel in the picture on the screen; none where no map reaches. */
const regionHere = (voxel) => (film.reached(now.picture) ? field().owners(frameOf(now.picture))[voxel] : null);

/** Outlines the marked region in the frame on the screen. */
function drawMark() {
  const { pen, width, height } = screen.mark;
  pen.clearRect(0, 0, width, height);
  const region = marked();
  if (region === null || !film.reached(now.picture)) return;
  const owners = field().owners(frameOf(now.picture));
  const thin = lineWidth(size) + 1;
  for (const [color, wide] of [["#000", 2 * thin], ["#fff", thin]]) {
    rims(pen, owners, (one) => (one === region ? color : null), size, wide);
  }
}

/** A region's score with its error, in the units of the scores. */
function scoreInWords(region) {
  const error = field().errors?.[region];
  const write = decimalsFor(field().largest);
  const about = Number.isFinite(error) ? ` \u00B1 ${write(error)}` : "";
  return `${signed(field().scores[region], write)}${about}`;
}

function regionInWords(region, value) {
  const one = field();
  const parts = [
    `Region ${region} of 0\u2013${one.n - 1}`,
    `${scoreInWords(region)} ${told().unit}`,
    `rank ${one.rank[region]} by size (top ${percent(one.rank[region] / one.n)})`,
  ];
  if (value !== null && !one.plain) parts.push(`map here ${signed(value)}`);
  if (now.chosen[region] === 0) parts.push("not shown");
  return parts;
}

/** The map where it is pointed at, or null. */
function valueHere() {
  if (pointing.voxel === null || field().plain) return null;
  return field().values(frameOf(now.picture), setting().smooth)[pointing.voxel];
}

/** What to do to see a region's score, in words for fingers or for a pointer and keys. */
function hint() {
  if (matchMedia("(hover: none)").matches) return ["Tap the picture to see a region\u2019s score."];
  return ["Point at the picture, or press ", element("kbd", {}, "R"), ", to see a region\u2019s score."];
}

function showPointed() {
  const place = byId("pointed");
  const region = marked();
  if (region === null) return place.replaceChildren(...hint());
  const [first, ...rest] = regionInWords(region, valueHere());
  place.replaceChildren(element("strong", {}, first), ` \u00B7 ${rest.join(" \u00B7 ")}`);
}

/** The voxel under a pointer, as its number in the frame. */
function voxelAt(event) {
  const box = byId("box").getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * COLUMNS);
  const y = Math.floor(((event.clientY - box.top) / box.height) * ROWS);
  return clamp(y, 0, ROWS - 1) * COLUMNS + clamp(x, 0, COLUMNS - 1);
}

/** Points at a voxel of the frame, or at none. */
function pointAt(voxel) {
  pointing.voxel = voxel;
  drawMark();
  showPointed();
}

/** Marks a region and shows it where it is largest; it is told once its picture is drawn, which is told too. */
function visit(region) {
  now.region = region;
  pointing.voxel = null;
  play(false);
  const fullest = field().spots[6 * region + 2];
  const picture = film.pictureOf(Number.isFinite(fullest) ? fullest : 0);
  seek(picture);
  showPointed();
  showRegions();
  film.load(picture).then(() => now.region === region && say(regionInWords(region, null).join(", ")));
}

/** Marks the next region by the size of its score. */
function visitNext(direction) {
  const { byRank, n } = field();
  const place = now.region === null ? (direction > 0 ? -1 : 0) : field().rank[now.region] - 1;
  visit(byRank[(place + direction + n) % n]);
}

function openPointing() {
  const box = byId("box");
  box.addEventListener("pointermove", (event) => event.pointerType !== "touch" && pointAt(voxelAt(event)));
  box.addEventListener("pointerleave", () => pointAt(null));
  box.addEventListener("click", (event) => {
    const region = regionHere(voxelAt(event));
    now.region = now.region === region ? null : region;
    if (now.region === null) pointing.voxel = null;
    drawMark();
    showPointed();
    showRegions();
  });
  whenChanged.push(showPointed);
  whenMoved.push(() => pointing.voxel !== null && showPointed());
}
