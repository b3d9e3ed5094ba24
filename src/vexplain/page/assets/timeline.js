// Relevance over time under the player: what supports stands up, what opposes hangs down.

const INSET = 7; // pixels: half the thumb of the slider that lies over the timeline
const SHADES = { paper: "rgb(128 128 128 / 12%)", unseen: "rgb(128 128 128 / 30%)", ink: "rgb(128 128 128 / 90%)" }; // for light and dark

const timeline = byId("timeline");
const slider = byId("time");

const acrossAt = (time, width) =>
  INSET + (film.last > film.first ? (time - film.first) / (film.last - film.first) : 0.5) * (width - 2 * INSET);

/** The time from which a clip frame is the nearest one; a single frame lasts as long as its picture. */
function beginOf(t) {
  if (FRAMES === 1) return t ? beginOf(0) + film.lasts(film.pictureOf(0)) : film.moments[0];
  if (t <= 0) return film.first;
  if (t >= FRAMES) return film.last;
  return (film.moments[t - 1] + film.moments[t]) / 2;
}

/** The columns of pixels in which a clip frame is the nearest one. */
function spanOf(t, width) {
  if (film.n === 1) return [INSET, width - INSET];
  const [begin, end] = [beginOf(t), beginOf(t + 1)].map((time) => acrossAt(time, width));
  const least = FRAMES > 1 ? 1 : 4;
  const left = Math.min(Math.floor(begin), width - INSET - least);
  return [left, Math.min(Math.max(Math.ceil(end), left + least), width - INSET)];
}

/** For each column of pixels the most of what is up and of what is down; thin peaks stay visible. */
function columnsOf(width) {
  const { positive, negative } = field().map;
  const up = new Float64Array(width);
  const down = new Float64Array(width);
  for (let t = 0; t < FRAMES; t++) {
    const [left, right] = spanOf(t, width);
    for (let x = Math.max(0, left); x < right; x++) {
      up[x] = Math.max(up[x], positive[t]);
      down[x] = Math.max(down[x], -negative[t]);
    }
  }
  return { up, down };
}

function drawTimeline() {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = timeline;
  if (!width) return;
  Object.assign(timeline, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  const pen = timeline.getContext("2d");
  pen.scale(ratio, ratio);
  const { up, down } = columnsOf(width);
  const top = 4;
  const bottom = height - 14;
  const most = Math.max(...up, 0);
  const least = Math.max(...down, 0);
  const unit = most + least > 0 && !field().map.flat ? (bottom - top) / (most + least) : 0;
  const zero = unit ? top + most * unit : (top + bottom) / 2;
  pen.fillStyle = SHADES.unseen;
  pen.fillRect(INSET, top, width - 2 * INSET, bottom - top);
  const [begin, end] = [spanOf(0, width)[0], spanOf(FRAMES - 1, width)[1]];
  pen.clearRect(begin, top, end - begin, bottom - top);
  pen.fillStyle = SHADES.paper;
  pen.fillRect(begin, top, end - begin, bottom - top);
  const colors = twoColors(setting());
  for (let x = INSET; x < width - INSET; x++) {
    pen.fillStyle = colors[0];
    pen.fillRect(x, zero - up[x] * unit, 1, up[x] * unit);
    pen.fillStyle = colors[1];
    pen.fillRect(x, zero, 1, down[x] * unit);
  }
  pen.fillStyle = SHADES.ink;
  pen.fillRect(INSET, zero - 0.5, width - 2 * INSET, 1);
  if (FRAMES <= width / 5) for (const moment of film.moments) pen.fillRect(acrossAt(moment, width) - 1, bottom + 3, 2, 5);
}

/** Where the film is, in words. */
function placeInWords(i) {
  const parts = [seconds(film.seconds[i]), `frame ${film.numbers[i]} of 0\u2013${film.frames - 1}`];
  if (film.ofSource) parts.push(film.seen(i) ? `the model\u2019s frame ${film.places[i]}` : "not seen by the model");
  return parts;
}

function showTime() {
  slider.value = film.seconds[now.picture];
  const words = placeInWords(now.picture);
  byId("clock").textContent = words.join(" \u00B7 ");
  slider.setAttribute("aria-valuetext", words.join(", "));
  screen.film.setAttribute("aria-label", `${nameNow()} for ${told().target} at ${words.join(", ")}. ${byId("nothing").textContent}`);
  if (!now.playing) say(words.join(", "));
}

/** Says something to a screen reader, once it has been quiet for a moment. */
function say(text) {
  clearTimeout(say.soon);
  say.soon = setTimeout(() => (byId("said").textContent = text), 300);
}

function openTimeline() {
  Object.assign(slider, { min: film.first, max: film.last, disabled: film.n < 2 });
  slider.addEventListener("input", () => {
    const picture = film.nearest(Number(slider.value));
    if (picture !== now.picture) seek(picture);
    else slider.value = film.seconds[picture];
  });
  new ResizeObserver(drawTimeline).observe(timeline);
  whenChanged.push(() => isNews(openTimeline) && drawTimeline());
  whenMoved.push(showTime);
  byId("play").addEventListener("click", () => play(!now.playing));
  byId("back").addEventListener("click", () => seek(now.picture - 1));
  byId("forth").addEventListener("click", () => seek(now.picture + 1));
  byId("speed").addEventListener("change", (event) => (now.speed = Number(event.target.value)));
  for (const id of ["play", "back", "forth"]) byId(id).disabled = film.n < 2;
}
