// What is on the screen now, and the clock that moves it.

const LAYERS = 32; // kept
const SIDE = 720; // canvas pixels that small clips are magnified to

const size = Math.max(1, Math.round(SIDE / Math.max(COLUMNS, ROWS)));
const voxels = !film.ofSource && Math.max(COLUMNS, ROWS) * 3 <= 480;

const now = {
  explanation: 0,
  wanted: 0,
  picture: 0,
  drawn: -1,
  time: film.first,
  playing: false,
  speed: 1,
  hidden: false,
  changed: {},
  region: null,
  game: null, // { game, point }
  ends: null,
  untold: false, // whether the rest of the page has yet to follow
  chosen: null,
  took: [],
};

const screen = { film: byId("film"), overlay: byId("overlay"), mark: byId("mark") };
const whenChanged = []; // called when another explanation or look is drawn
const whenMoved = []; // called when another picture is shown

const field = () => fields[now.explanation];
const told = () => content.explanations[now.explanation];
const setting = () => ({ ...told().look, ...now.changed });

const layers = new Map();

/** Whether what was told last was told for another explanation or other colours; remembers these. */
function isNews(who) {
  const { look, heat, pair } = setting();
  const key = [now.explanation, look === "heat" ? heat : pair, now.region].join();
  const news = who.key !== key;
  who.key = key;
  return news;
}

function openScreen() {
  const [height, width] = film.size;
  Object.assign(screen.film, { width, height });
  byId("picture").style.setProperty("--ratio", width / height);
  screen.film.pen = screen.film.getContext("2d", { willReadFrequently: true });
  screen.film.classList.toggle("voxels", voxels);
  for (const canvas of [screen.overlay, screen.mark]) {
    Object.assign(canvas, { width: COLUMNS * size, height: ROWS * size });
    canvas.pen = canvas.getContext("2d", { willReadFrequently: canvas === screen.overlay });
  }
  const [top, left, bottom, right] = film.box;
  const place = { top, left, width: right - left, height: bottom - top };
  for (const [side, share] of Object.entries(place)) byId("box").style[side] = `${100 * share}%`;
}

/** The clip frame that is nearest to a picture. */
const frameOf = (picture) => Math.round(film.places[picture]);

/** Takes up a change of explanation or look: what is shown, and the ends of its scale. */
function change() {
  layers.clear();
  now.ends = endsOf(field(), setting());
  now.chosen = now.ends.chosen;
  if (!now.ends.done && !now.ends.some) now.ends.go(4);
  now.drawn = -1;
  draw();
  tellSoon();
  settle();
}

/** Lets the rest of the page follow, after what is drawn. */
function tellSoon() {
  if (now.untold) return;
  now.untold = true;
  requestAnimationFrame(() => {
    now.untold = false;
    for (const tell of whenChanged) tell();
  });
}

/** Looks for the ends of the scale a little at a time, so that the page stays quick. */
function settle() {
  const ends = now.ends;
  if (ends.done || ends.sought) return;
  ends.sought = true;
  requestAnimationFrame(() => {
    ends.sought = false;
    if (now.ends !== ends) return;
    if (ends.go(now.playing ? 6 : 11)) {
      layers.clear();
      draw();
    }
    if (ends.done) tellSoon();
    settle();
  });
}

function layerAt(t) {
  if (!layers.has(t)) {
    if (layers.size >= LAYERS) layers.delete(layers.keys().next().value);
    layers.set(t, now.game ? gameLayer(t) : layerOf(now.ends, t, size));
  }
  return layers.get(t);
}

/** The layer at a place between clip frames, blended as light is; on the given pen. */
function compose(pen, place, width, height) {
  const low = Math.floor(place);
  const share = now.game ? 0 : place - low;
  const first = now.game ? Math.round(place) : low;
  pen.clearRect(0, 0, width, height);
  pen.imageSmoothingEnabled = !voxels;
  pen.globalAlpha = 1 - share;
  pen.drawImage(layerAt(first), 0, 0, width, height);
  if (share > 0) {
    pen.globalAlpha = share;
    pen.globalCompositeOperation = "lighter";
    pen.drawImage(layerAt(low + 1), 0, 0, width, height);
  }
  pen.globalAlpha = 1;
  pen.globalCompositeOperation = "source-over";
}

/** What stands in the place of what is exchanged, where a look or a game is made of the picture. */
function backOf() {
  if (now.game) return now.game.game.fill.kind === "blur" ? "blur" : null;
  return setting().look === "highlight" ? setting().back : null;
}

/** Puts the paler picture where the layer is. */
function exchange(pen, picture, width, height) {
  const back = backOf();
  if (!back) return;
  const [top, left, bottom, right] = film.box;
  const [rows, columns] = film.size;
  pen.globalCompositeOperation = "source-in";
  pen.imageSmoothingEnabled = true;
  pen.drawImage(paler(picture, back), left * columns, top * rows, (right - left) * columns, (bottom - top) * rows, 0, 0, width, height);
  pen.globalCompositeOperation = "source-over";
}

/** Draws a picture with what the model never saw in it darkened: all of it where no map reaches. */
function project(pen, picture, width, height, reached = true) {
  const [top, left, bottom, right] = reached ? film.box : [1, 0, 1, 1];
  pen.drawImage(picture, 0, 0, width, height);
  pen.fillStyle = "rgba(0, 0, 0, 0.4)";
  const [y0, x0, y1, x1] = [top * height, left * width, bottom * height, right * width].map((edge, i) => clamp(edge, 0, i % 2 ? width : height));
  pen.fillRect(0, 0, width, y0);
  pen.fillRect(0, y1, width, height - y1);
  pen.fillRect(0, y0, x0, y1 - y0);
  pen.fillRect(x1, y0, width - x1, y1 - y0);
}

/** Draws the picture that is due; if it is still being decoded, it is drawn when it comes. */
function draw() {
  const start = performance.now();
  const picture = film.ready(now.picture);
  if (!picture) {
    const due = now.picture;
    film.load(due).then(() => due === now.picture && draw());
    return;
  }
  const reached = film.reached(now.picture);
  if (now.drawn !== now.picture) project(screen.film.pen, picture, screen.film.width, screen.film.height, reached);
  const { pen, width, height } = screen.overlay;
  if (!reached || (now.hidden && !now.game)) pen.clearRect(0, 0, width, height);
  else {
    compose(pen, film.places[now.picture], width, height);
    exchange(pen, picture, width, height);
  }
  screen.overlay.style.opacity = now.game ? 1 : setting().opacity;
  now.drawn = now.picture;
  drawMark();
  now.took.push(performance.now() - start);
  if (now.took.length > 600) now.took.shift();
  for (const tell of whenMoved) tell();
}

/** Shows a picture. */
function seek(picture) {
  now.picture = clamp(Math.round(picture), 0, film.n - 1);
  now.time = film.seconds[now.picture];
  film.load(now.picture);
  film.ahead(now.picture, 4);
  draw();
}

/** Steps to the next frame that the model was given. */
function step(direction) {
  for (let i = now.picture + direction; i >= 0 && i < film.n; i += direction) {
    if (film.seen(i)) return seek(i);
  }
}

function play(on) {
  now.playing = on && film.n > 1;
  byId("play").textContent = now.playing ? "\u275A\u275A" : "\u25B6";
  byId("play").setAttribute("aria-label", now.playing ? "Pause" : "Play");
  if (now.playing) {
    let last = performance.now();
    const tick = (moment) => {
      if (!now.playing) return;
      now.time += (Math.max(0, moment - last) / 1000) * now.speed;
      last = moment;
      if (now.time >= film.last + film.lasts(film.n - 1)) now.time = film.first;
      const due = film.at(now.time);
      if (due !== now.picture && film.ready(due)) {
        now.picture = due;
        draw();
      }
      film.load(due);
      film.ahead(due, 8);
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  } else for (const tell of whenMoved) tell();
}

/** Draws another explanation, once its numbers are decoded and unless yet another was chosen. */
async function choose(explanation) {
  now.wanted = explanation;
  await fields[explanation].open();
  if (now.wanted !== explanation) return;
  playGame(false);
  now.explanation = explanation;
  now.region = null;
  now.game = null;
  change();
}
