// The deletion and the insertion game: a curve, and the clip as it was at each of its points.

const CURVE = { width: 640, height: 250, left: 46, right: 22, top: 26, bottom: 34 };
const PACE = 130; // milliseconds from point to point

const gamesOf = () => told().evaluation?.games ?? [];

/** Which voxels of a frame are among the first, at the point where the game is. */
function firstOnes(t) {
  const { game, point } = now.game;
  if (point === 0) return () => false;
  const end = game.ends[point];
  if (end === null || end === undefined) return () => true;
  if (game.order === "frame") return () => game.frames[t] > end;
  const values = field().values(t);
  return (i) => values[i] > end;
}

/** What stands in the place of the voxels that are gone. */
function gameLayer(t) {
  const { game } = now.game;
  const isFirst = firstOnes(t);
  const gone = game.game === "deletion";
  const { kind, color = [128, 128, 128] } = game.fill;
  const filled = pixel(...color, kind === "hatch" ? 0.85 : 1);
  return fromPixels((pixels) => {
    for (let i = 0; i < PLANE; i++) pixels[i] = isFirst(i) === gone ? filled : 0;
  });
}

/** The player's picture once more beside the curve, so that both are in sight. */
function drawGamePicture() {
  if (!gamesOf().length) return;
  const canvas = byId("game-film");
  const pen = canvas.getContext("2d");
  const { width, height } = canvas;
  const [top, left, bottom, right] = film.box;
  pen.imageSmoothingEnabled = !voxels;
  pen.drawImage(screen.film, 0, 0, width, height);
  if (now.game) pen.drawImage(screen.overlay, left * width, top * height, (right - left) * width, (bottom - top) * height);
}

/** Goes to a point of the curve, and shows the clip as it was there. */
function goTo(game, point) {
  now.game = { game, point: clamp(point, 0, game.shares.length - 1) };
  layers.clear();
  draw();
  showGamePoint();
  showLegend();
}

function leaveGame() {
  playGame(false);
  if (!now.game) return;
  now.game = null;
  layers.clear();
  draw();
  showGamePoint();
  tellSoon();
}

const chosenGame = () => gamesOf()[Number(byId("game-which").value)];

function playGame(on) {
  clearInterval(playGame.timer);
  playGame.on = on;
  byId("game-play").textContent = on ? "Pause the game" : "Play the game";
  byId("game-said").setAttribute("aria-live", on ? "off" : "polite");
  if (!on) return;
  const game = chosenGame();
  if (!now.game || now.game.game !== game || now.game.point === game.shares.length - 1) goTo(game, 0);
  playGame.timer = setInterval(() => {
    goTo(game, now.game.point + 1);
    if (now.game.point === game.shares.length - 1) playGame(false);
  }, PACE);
}

function placesOf(game) {
  const all = [game, ...game.beside].flatMap(({ values }) => values);
  const [low, high] = [Math.min(0, ...all), Math.max(...all)];
  const range = high - low || 1;
  const { width, height, left, right, top, bottom } = CURVE;
  return {
    low, high: low + range,
    x: (share) => left + share * (width - left - right),
    y: (value) => top + (1 - (value - low) / range) * (height - top - bottom),
  };
}

const linePath = ({ shares, values }, { x, y }) =>
  shares.map((share, i) => `${i ? "L" : "M"}${x(share).toFixed(1)} ${y(values[i]).toFixed(1)}`).join("");

/** The curve, those beside it, and the area below. */
function drawCurve(game) {
  CURVE.width = clamp(byId("curve").clientWidth, 280, 680);
  const place = placesOf(game);
  const { x, y, low, high } = place;
  const { width, height } = CURVE;
  const picture = drawing("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": curveInWords(game) });
  picture.append(drawing("text", { x: 0, y: 11 }, game.watched));
  for (const value of [low, (low + high) / 2, high]) {
    picture.append(drawing("line", { class: "axis", x1: x(0), x2: x(1), y1: y(value), y2: y(value) }));
    picture.append(drawing("text", { x: x(0) - 6, y: y(value) + 4, "text-anchor": "end" }, number(value, 2)));
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    picture.append(drawing("text", { x: x(share), y: height - 18, "text-anchor": "middle" }, percent(share)));
  }
  const what = game.game === "deletion" ? "removed" : "inserted";
  picture.append(drawing("text", { x: x(0.5), y: height - 3, "text-anchor": "middle" }, `share of the voxels ${what}`));
  picture.append(drawing("path", { class: "area", d: `${linePath(game, place)}L${x(1)} ${y(low)}L${x(0)} ${y(low)}Z` }));
  game.beside.forEach((other, i) => {
    picture.append(drawing("path", { class: "other", d: linePath(other, place), "stroke-dasharray": ["5 3", "2 3", "8 3 2 3"][i % 3] }));
  });
  picture.append(drawing("path", { class: "own", d: linePath(game, place) }));
  picture.append(drawing("circle", { class: "point", r: 5.5 }));
  picture.addEventListener("pointerdown", (event) => {
    const box = picture.getBoundingClientRect();
    const share = (((event.clientX - box.left) / box.width) * width - x(0)) / (x(1) - x(0));
    const near = game.shares.reduce((best, one, i) => (Math.abs(one - share) < Math.abs(game.shares[best] - share) ? i : best), 0);
    if (game.order) goTo(game, near);
  });
  byId("curve").replaceChildren(picture);
}

function curveInWords(game) {
  const beside = game.beside.map(({ name, area }, i) => `${name} ${number(area)} (${["dashed", "dotted", "dash-dotted"][i % 3]})`);
  const others = beside.length ? `; ${beside.join(", ")}` : "";
  return `Area ${number(game.area)}, ${game.better} is better${others}.`;
}

function showGamePoint() {
  const game = chosenGame();
  byId("game-stop").disabled = !now.game;
  if (!game) return;
  const point = now.game?.game === game ? now.game.point : 0;
  const { x, y } = placesOf(game);
  const dot = byId("curve").querySelector(".point");
  dot.setAttribute("cx", x(game.shares[point]));
  dot.setAttribute("cy", y(game.values[point]));
  byId("game-share").value = point;
  byId("game-out").textContent = percent(game.shares[point]);
  const what = game.game === "deletion" ? "removed, the highest first" : "put in, the highest first";
  const here = `With ${percent(game.shares[point])} ${what}, the ${game.watched} is ${number(game.values[point])}.`;
  byId("game-share").setAttribute("aria-valuetext", here);
  const shown = game.order
    ? `The picture shows what the model was given; what is gone is ${game.fill.words}.`
    : "This order can\u2019t be followed in the page: only its curve is shown.";
  byId("game-said").textContent = `${curveInWords(game)} ${here} ${shown}`;
}

function showGame() {
  const games = gamesOf();
  if (!games.length) {
    byId("game").hidden = !told().evaluation;
    byId("game-lead").textContent = told().evaluation
      ? "This evaluation has no curve."
      : "Not measured: vexplain evaluate measures it, and this page then shows how the answer changes as the clip is removed or put in.";
  } else {
    byId("game").hidden = false;
    byId("game-lead").textContent = "The clip is removed, or put in, from what the map holds most relevant to what it holds least, and the model is asked again.";
  }
  byId("game").classList.toggle("curveless", !games.length);
  if (told().evaluation) showNumbers();
  if (showGame.of === told()) return;
  showGame.of = told();
  playGame(false);
  options(byId("game-which"), games.map(({ name }, i) => [i, name]), 0);
  if (games.length) openCurve();
}

function openCurve() {
  const game = chosenGame();
  Object.assign(byId("game-share"), { max: game.shares.length - 1, disabled: !game.order });
  byId("game-play").disabled = !game.order;
  drawCurve(game);
  showGamePoint();
}

function showNumbers() {
  const { scores, others } = told().evaluation;
  const notes = scores.some(([, , , , note]) => note);
  const head = ["metric", told().method, ...others, ...(notes ? ["note"] : [])];
  byId("numbers").tHead.replaceChildren(element("tr", {}, ...head.map((name, i) =>
    element("th", { scope: "col", ...(i && name !== "note" ? { class: "number" } : {}) }, name))));
  byId("numbers").tBodies[0].replaceChildren(...scores.map(([name, better, value, beside, note]) => element("tr", {},
    element("th", { scope: "row" }, `${name} ${better === "higher" ? "\u2191" : "\u2193"}`),
    ...[value, ...others.map((other) => beside[other] ?? null)].map((one) => element("td", { class: "number" }, number(one))),
    ...(notes ? cells([note]) : []))));
}

function openGame() {
  const [height, width] = film.size;
  Object.assign(byId("game-film"), { width, height });
  byId("game-film").classList.toggle("voxels", voxels);
  byId("game-which").addEventListener("change", () => {
    leaveGame();
    openCurve();
  });
  byId("game-share").addEventListener("input", (event) => {
    playGame(false);
    goTo(chosenGame(), Number(event.target.value));
  });
  byId("game-play").addEventListener("click", () => playGame(!playGame.on));
  byId("game-stop").addEventListener("click", leaveGame);
  whenChanged.push(showGame, drawGamePicture);
  whenMoved.push(drawGamePicture);
  new ResizeObserver(() => chosenGame() && openCurve()).observe(byId("curve"));
}
