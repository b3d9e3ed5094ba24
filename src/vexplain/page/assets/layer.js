// From numbers to a transparent picture of one clip frame, and the ends of the scale.

const SAME = 1e-6; // values that differ by less than this share of their size are equal

/** Lowest and highest value that is shown: known from the regions, or else looked for over frames. */
class Ends {
  constructor(field, setting, chosen) {
    Object.assign(this, { field, setting, chosen, low: Infinity, high: -Infinity, looked: 0 });
    const scaled = setting.scale === "clip" && (setting.look === "heat" || setting.look === "signed");
    this.done = !scaled || this.#fromRegions();
    this.order = this.done ? [] : this.#byPeak();
  }

  /** The frames, those first whose peaks are highest: they tell most of the scale. */
  #byPeak() {
    const { highest, lowest } = this.field.map;
    const heat = this.setting.look === "heat";
    const peaks = highest.map((high, t) => (heat ? high : Math.max(high, -lowest[t])));
    return [...peaks.keys()].sort((a, b) => peaks[b] - peaks[a]);
  }

  /** The ends of whole regions are among their scores; those of others came with the page. */
  #fromRegions() {
    const { field, setting, chosen } = this;
    const whole = field.plain && setting.smooth === 0;
    const known = field.extremes.get(setting.smooth);
    if (!whole && !known) return false;
    const sides = setting.look === "heat" ? [0, 1] : [2];
    chosen.forEach((is, region) => {
      if (!is) return;
      if (!whole) for (const side of sides) this.#take(known[3 * region + side]);
      else if (!Number.isNaN(field.spots[6 * region])) this.#take(field.singles[region]);
    });
    return true;
  }

  #take(value) {
    const size = this.setting.look === "heat" ? value : Math.abs(value);
    if (!(size > 0) || size === Infinity) return;
    if (size < this.low) this.low = size;
    if (size > this.high) this.high = size;
  }

  look(t) {
    const values = this.field.values(t, this.setting.smooth);
    const shown = this.field.shown(t, this.chosen);
    for (let i = 0; i < PLANE; i++) if (shown[i] > 0) this.#take(values[i]);
  }

  /** Looks at one more frame or as many as take so many milliseconds; whether anything changed. */
  go(budget) {
    const [low, high] = [this.low, this.high];
    const start = performance.now();
    do {
      this.look(this.order[this.looked++]);
      this.done = this.looked >= FRAMES;
    } while (!this.done && performance.now() - start < budget);
    return low !== this.low || high !== this.high;
  }

  get some() {
    return this.high > -Infinity;
  }

  /** The values of the first and the last colour. */
  get span() {
    if (this.setting.scale === "unit") return [0, 1];
    if (!this.some) return [0, 1];
    return [this.high - this.low > SAME * this.high ? this.low : 0, this.high];
  }
}

const knownEnds = new Map();
const ENDS = 256; // known

/** The ends of an explanation under a look; looked for once, as far as that has come. */
function endsOf(field, setting) {
  const { look, show, share, threshold, smooth, scale } = setting;
  const key = [fields.indexOf(field), look === "heat", look === "highlight", show, share, threshold, smooth, scale].join();
  if (!knownEnds.has(key)) {
    const chosen = field.map.flat ? new Float32Array(field.n) : chosenBy(field.scores, setting);
    if (knownEnds.size >= ENDS) knownEnds.delete(knownEnds.keys().next().value);
    knownEnds.set(key, new Ends(field, setting, chosen));
  }
  return Object.assign(knownEnds.get(key), { setting });
}

/** The ends that hold for a frame. */
function spanAt(ends, t) {
  if (ends.setting.scale !== "frame") return ends.span;
  const one = new Ends(ends.field, ends.setting, ends.chosen);
  one.look(t);
  return one.span;
}

/** The colour and alpha of a value, as one number for the pixels of a canvas. */
function paintOf(setting, [low, high]) {
  if (setting.look === "heat") {
    const table = tables[setting.heat];
    return (value, shown) => {
      if (!(value > 0)) return 0;
      const place = clamp((value - low) / (high - low), 0, 1);
      const at = 3 * Math.round(255 * place);
      const alpha = shown * (1 - setting.fade * (1 - place));
      return pixel(table[at], table[at + 1], table[at + 2], alpha);
    };
  }
  const [up, down] = pairOf(setting.pair);
  return (value, shown) => {
    const color = value > 0 ? up : down;
    return pixel(color[0], color[1], color[2], shown * Math.min(1, Math.abs(value) / high));
  };
}

/** One pixel, in the order of bytes that all browsers' machines have. */
const pixel = (r, g, b, alpha) => ((Math.round(255 * alpha) << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** The pixels of a heat or signed map in a frame; alpha is relative to the opacity. */
function heatPixels(ends, t, pixels) {
  const { field, setting, chosen } = ends;
  const paint = paintOf(setting, spanAt(ends, t));
  if (field.plain && setting.smooth === 0) {
    const owners = field.owners(t);
    const known = Uint32Array.from(field.singles, (score, region) => (chosen[region] ? paint(score, 1) : 0));
    for (let i = 0; i < PLANE; i++) pixels[i] = known[owners[i]];
    return;
  }
  const values = field.values(t, setting.smooth);
  const shown = field.shown(t, chosen);
  for (let i = 0; i < PLANE; i++) pixels[i] = shown[i] > 0 ? paint(values[i], Math.min(shown[i], 1)) : 0;
}

/** The pixels whose alpha says how much of a frame is exchanged for something paler; none where
 *  nothing supports the target, as nothing matters less then. */
function pale({ field, chosen }, t, pixels) {
  if (field.map.flat || !field.supported) return;
  const shown = field.shown(t, chosen);
  for (let i = 0; i < PLANE; i++) pixels[i] = pixel(0, 0, 0, 1 - clamp(shown[i], 0, 1));
}

const CORNERS = [[-1, -1], [1, -1], [-1, 1], [1, 1]];

/** Where a region turns around a voxel of another, the lines beside it are joined. */
function joins(pen, owners, [x, y], size, lines) {
  const i = y * COLUMNS + x;
  for (const [dx, dy] of CORNERS) {
    if (x + dx < 0 || x + dx >= COLUMNS || y + dy < 0 || y + dy >= ROWS) continue;
    const turns = owners[i + dx] === owners[i] && owners[i + dy * COLUMNS] === owners[i] && owners[i + dx + dy * COLUMNS] !== owners[i];
    if (turns) pen.fillRect(x * size + (dx > 0 ? size - lines : 0), y * size + (dy > 0 ? size - lines : 0), lines, lines);
  }
}

/** Fills the inner rim of regions with colours; `colorOf` a region is null where it has none. */
function rims(pen, owners, colorOf, size, width) {
  const lines = Math.max(1, Math.min(width, size));
  let last = null;
  for (let y = 0, i = 0; y < ROWS; y++) {
    for (let x = 0; x < COLUMNS; x++, i++) {
      const own = owners[i];
      const color = colorOf(own);
      if (color === null) continue;
      if (color !== last) pen.fillStyle = last = color;
      const [left, top] = [x * size, y * size];
      if (x > 0 && owners[i - 1] !== own) pen.fillRect(left, top, lines, size);
      if (x + 1 < COLUMNS && owners[i + 1] !== own) pen.fillRect(left + size - lines, top, lines, size);
      if (y > 0 && owners[i - COLUMNS] !== own) pen.fillRect(left, top, size, lines);
      if (y + 1 < ROWS && owners[i + COLUMNS] !== own) pen.fillRect(left, top + size - lines, size, lines);
      joins(pen, owners, [x, y], size, lines);
    }
  }
}

/** The pixels of the inner rims of the regions shown, one voxel wide, as vexplain.visualization has them. */
function rimPixels({ field, setting, chosen }, t, pixels) {
  const owners = field.owners(t);
  const [up, down] = pairOf(setting.pair).map((color) => pixel(...color, 1));
  const colors = Uint32Array.from(field.scores, (score, region) => (chosen[region] ? (score > 0 ? up : down) : 0));
  for (let y = 0, i = 0; y < ROWS; y++) {
    for (let x = 0; x < COLUMNS; x++, i++) {
      const own = owners[i];
      const color = colors[own];
      if (color === 0) continue;
      const inside = (x === 0 || owners[i - 1] === own) && (x + 1 === COLUMNS || owners[i + 1] === own)
        && (y === 0 || owners[i - COLUMNS] === own) && (y + 1 === ROWS || owners[i + COLUMNS] === own);
      if (!inside) pixels[i] = color;
    }
  }
}

const LARGE = 4; // canvas pixels: lines inside voxels of this size are thinner than they are

/** A sheet with the layer of a frame, `size` canvas pixels per voxel where it has lines. */
function layerOf(ends, t, size) {
  const { field, setting, chosen } = ends;
  if (setting.look === "outline" && size < LARGE) return fromPixels((pixels) => rimPixels(ends, t, pixels));
  if (setting.look === "outline") {
    const made = sheet(COLUMNS * size, ROWS * size);
    const [up, down] = twoColors(setting);
    rims(made.pen, field.owners(t), (region) => (chosen[region] ? (field.scores[region] > 0 ? up : down) : null), size, lineWidth(size));
    return made;
  }
  return fromPixels((pixels) => (setting.look === "highlight" ? pale : heatPixels)(ends, t, pixels));
}

const lineWidth = (size) => Math.max(1, Math.round((COLUMNS * size) / 260));

function fromPixels(fill) {
  const made = sheet(COLUMNS, ROWS);
  const image = made.pen.createImageData(COLUMNS, ROWS);
  fill(new Uint32Array(image.data.buffer));
  made.pen.putImageData(image, 0, 0);
  return made;
}
