// A few moments as small pictures with the look that is chosen; they are what is printed.

const MOMENTS = 8;
const [SMALL, THUMB] = [96, 280]; // canvas pixels of the long side: at least, at most

const moments = { pictures: [], bitmaps: [], pens: [] };

/** The clip frames of the moments: evenly spread, both ends included. */
function momentFrames() {
  const count = Math.min(FRAMES, MOMENTS);
  return Array.from({ length: count }, (_, i) => Math.round((i * (FRAMES - 1)) / Math.max(count - 1, 1)));
}

function drawMoment(k) {
  const pen = moments.pens[k];
  const { width, height } = pen.canvas;
  const bitmap = moments.bitmaps[k];
  if (!bitmap) return;
  pen.imageSmoothingEnabled = !voxels;
  project(pen, bitmap, width, height);
  if (now.hidden && !now.game) return;
  const over = sheet(COLUMNS * size, ROWS * size);
  compose(over.pen, film.places[moments.pictures[k]], over.width, over.height);
  exchange(over.pen, bitmap, over.width, over.height);
  const [top, left, bottom, right] = film.box;
  pen.globalAlpha = now.game ? 1 : setting().opacity;
  pen.drawImage(over, left * width, top * height, (right - left) * width, (bottom - top) * height);
  pen.globalAlpha = 1;
}

function leadMoments() {
  byId("moments-lead").textContent = `${nameNow()} for \u201C${told().target}\u201D. Choose a moment to go there.`;
}

function drawMoments() {
  clearTimeout(moments.soon);
  moments.pens.forEach((_, k) => drawMoment(k));
  leadMoments();
}

/** Draws the moments when there is time; one by one, so that the player does not wait. */
function drawMomentsSoon() {
  clearTimeout(moments.soon);
  let k = 0;
  const next = () => {
    if (k >= moments.pens.length) return;
    drawMoment(k++);
    moments.soon = setTimeout(next, 0);
  };
  moments.soon = setTimeout(next, 150);
  leadMoments();
}

function markMoment() {
  [...byId("moments").children].forEach((item, k) => {
    const here = moments.pictures[k] === now.picture;
    if (here) item.firstChild.setAttribute("aria-current", "true");
    else item.firstChild.removeAttribute("aria-current");
  });
}

/** What is printed is drawn, and nothing of it is folded; afterwards all is as it was. */
function openForPrint() {
  const folded = [];
  window.addEventListener("beforeprint", () => {
    drawMoments();
    folded.push(...document.querySelectorAll("main > .columns details:not([open])"));
    for (const details of folded) details.open = true;
  });
  window.addEventListener("afterprint", () => {
    for (const details of folded.splice(0)) details.open = false;
  });
}

async function openMoments() {
  const long = Math.max(...film.size);
  const [height, width] = film.size.map((side) => Math.max(1, Math.round((side * clamp(long, SMALL, THUMB)) / long)));
  moments.pictures = [...new Set(momentFrames().map(film.pictureOf))];
  byId("moments").classList.toggle("voxels", voxels);
  byId("moments").style.setProperty("--count", moments.pictures.length);
  for (const picture of moments.pictures) {
    const canvas = sheet(width, height);
    moments.pens.push(canvas.pen);
    const text = seconds(film.seconds[picture]);
    const button = element("button", { type: "button", "aria-label": `Go to ${text}` }, canvas, element("span", {}, text));
    button.addEventListener("click", () => {
      play(false);
      seek(picture);
    });
    byId("moments").append(element("li", {}, button));
  }
  whenChanged.push(drawMomentsSoon);
  whenMoved.push(markMoment);
  openForPrint();
  moments.bitmaps = await Promise.all(moments.pictures.map(film.decode));
}
