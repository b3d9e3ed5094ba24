// Relevance over time under the player: what supports stands up, what opposes hangs down.

const INSET = 7; // pixels: half the thumb of the slider that lies over the timeline

const timeline = byId("timeline");
const slider = byId("time");

const acrossAt = (time, width) =>
  INSET + (film.last > film.first ? (time - film.first) / (film.last - film.first) : 0.5) * (width - 2 * INSET);

/** The time from which a clip frame is the nearest one. */
function beginOf(t) {
  if (t <= 0) return film.first;
  if (t >= FRAMES) return film.last;
  return (film.moments[t - 1] + film.moments[t]) / 2;
}

/** For each column of pixels the most of what is up and of what is down; thin peaks stay visible. */
function columnsOf(width) {
  const { positive, negative } = field().map;
  const up = new Float64Array(width);
  const down = new Float64Array(width);
  for (let t = 0; t < FRAMES; t++) {
    const left = FRAMES > 1 ? Math.floor(acrossAt(beginOf(t), width)) : INSET;
    const right = FRAMES > 1 ? Math.ceil(acrossAt(beginOf(t + 1), width)) : width - INSET;
    for (let x = Math.max(0, left); x < Math.max(left + 1, right) && x < width; x++) {
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
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const { up, down } = columnsOf(width);
  const top = 4;
  const bottom = height - 14;
  const most = Math.max(...up, 0);
  const least = Math.max(...down, 0);
  const unit = most + least > 0 && !field().map.flat ? (bottom - top) / (most + least) : 0;
  const zero = unit ? top + most * unit : (top + bottom) / 2;
  pen.fillStyle = color("--wash");
  pen.fillRect(INSET, top, width - 2 * INSET, bottom - top);
  const colors = twoColors(setting());
  for (let x = INSET; x < width - INSET; x++) {
    pen.fillStyle = colors[0];
    pen.fillRect(x, zero - up[x] * unit, 1, up[x] * unit);
    pen.fillStyle = colors[1];
    pen.fillRect(x, zero, 1, down[x] * unit);
  }
  pen.fillStyle = color("--soft");
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
  const look = told();
  screen.film.setAttribute("aria-label", `${look.method} for ${look.target} at ${words.join(", ")}. ${byId("nothing").textContent}`);
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
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTimeline);
  whenChanged.push(() => isNews(openTimeline) && drawTimeline());
  whenMoved.push(showTime);
  byId("play").addEventListener("click", () => play(!now.playing));
  byId("back").addEventListener("click", () => seek(now.picture - 1));
  byId("forth").addEventListener("click", () => seek(now.picture + 1));
  byId("speed").addEventListener("change", (event) => (now.speed = Number(event.target.value)));
  for (const id of ["play", "back", "forth"]) byId(id).disabled = film.n < 2;
}
