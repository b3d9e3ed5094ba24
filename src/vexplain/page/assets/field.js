// The numbers of an explanation, frame by frame: its map, its regions, what is shown of them.

/** The rows of a matrix (length, cells) without their zeros. */
function sparse(matrix, length, cells) {
  const starts = new Int32Array(length + 1);
  const index = [];
  const weight = [];
  for (let row = 0; row < length; row++) {
    for (let cell = 0; cell < cells; cell++) {
      const value = matrix[row * cells + cell];
      if (value !== 0) {
        index.push(cell);
        weight.push(value);
      }
    }
    starts[row + 1] = index.length;
  }
  return { length, cells, starts, index: Int32Array.from(index), weight: Float64Array.from(weight) };
}

/** The rows that interpolate `cells` values, at the ends and evenly between, to `length` places. */
function between(length, cells) {
  const matrix = new Float64Array(length * cells);
  for (let row = 0; row < length; row++) {
    const place = length > 1 ? (row * (cells - 1)) / (length - 1) : 0;
    const low = Math.min(Math.floor(place), cells - 1);
    const high = Math.min(low + 1, cells - 1);
    matrix[row * cells + low] += 1 - (place - low);
    matrix[row * cells + high] += place - low;
  }
  return sparse(matrix, length, cells);
}

/** A frame of values (t, h, w) that are blended along the three axes. */
function spread(values, [time, down, across], t, out) {
  const [h, w] = [down.cells, across.cells];
  const plane = new Float64Array(h * w);
  for (let k = time.starts[t]; k < time.starts[t + 1]; k++) {
    const start = time.index[k] * h * w;
    for (let i = 0; i < plane.length; i++) plane[i] += time.weight[k] * values[start + i];
  }
  const line = new Float64Array(w);
  for (let y = 0; y < down.length; y++) {
    line.fill(0);
    for (let k = down.starts[y]; k < down.starts[y + 1]; k++) {
      const start = down.index[k] * w;
      for (let i = 0; i < w; i++) line[i] += down.weight[k] * plane[start + i];
    }
    for (let x = 0; x < across.length; x++) {
      let sum = 0;
      for (let k = across.starts[x]; k < across.starts[x + 1]; k++) sum += across.weight[k] * line[across.index[k]];
      out[y * across.length + x] = sum;
    }
  }
  return out;
}

/** The heaviest cell in each row. */
function heaviest(axis) {
  return Int32Array.from({ length: axis.length }, (_, row) => {
    let best = axis.starts[row];
    for (let k = best; k < axis.starts[row + 1]; k++) if (axis.weight[k] > axis.weight[best]) best = k;
    return axis.index[best];
  });
}

/** Where a line goes on beyond its ends: it is mirrored there, the end itself repeated. */
function mirrored(i, length) {
  const k = ((i % (2 * length)) + 2 * length) % (2 * length);
  return k < length ? k : 2 * length - 1 - k;
}

/** One average over 2·radius + 1 places along lines. */
function boxed(values, out, [lines, jump, length, step], radius) {
  const next = Int32Array.from({ length }, (_, i) => mirrored(i + radius + 1, length) * step);
  const old = Int32Array.from({ length }, (_, i) => mirrored(i - radius, length) * step);
  const share = 1 / (2 * radius + 1);
  for (let line = 0; line < lines; line++) {
    const start = line * jump;
    let sum = 0;
    for (let i = -radius; i <= radius; i++) sum += values[start + mirrored(i, length) * step];
    for (let i = 0, at = start; i < length; i++, at += step) {
      out[at] = sum * share;
      sum += values[start + next[i]] - values[start + old[i]];
    }
  }
}

/** One weighted average along lines; the weights are those of the distances 0, 1, 2 … */
function weighed(values, out, [lines, jump, length, step], weights) {
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < length; i++) {
      let sum = weights[0] * values[line * jump + i * step];
      for (let k = 1; k < weights.length; k++) {
        const pair = values[line * jump + mirrored(i - k, length) * step] + values[line * jump + mirrored(i + k, length) * step];
        sum += weights[k] * pair;
      }
      out[line * jump + i * step] = sum;
    }
  }
}

const FEW = 2; // pixels: for smaller deviations a Gaussian is cheap enough

/** The passes, each way along rows and columns, that smooth with this deviation: Gaussian or three
 *  boxes, which together are nearly one. */
function passes(sigma) {
  if (sigma < FEW) {
    const weights = Array.from({ length: Math.floor(4 * sigma + 0.5) + 1 }, (_, i) => Math.exp(-0.5 * (i / sigma) ** 2));
    const total = 2 * weights.reduce((a, b) => a + b) - weights[0];
    const unit = weights.map((weight) => weight / total);
    return [(from, to, lines) => weighed(from, to, lines, unit)];
  }
  const low = 2 * Math.floor((Math.sqrt(4 * sigma * sigma + 1) - 1) / 2) + 1; // (n² − 1) / 12 is a box's variance
  const few = Math.round((12 * sigma * sigma - 3 * low * low - 12 * low - 9) / (-4 * low - 4));
  return [0, 1, 2].map((pass) => (from, to, lines) => boxed(from, to, lines, ((pass < few ? low : low + 2) - 1) / 2));
}

const LEFT = 1e-9; // of the largest value: less is what sums leave where all is 0

/** A frame smoothed with a deviation in pixels. */
function smoothed(values, sigma, [rows, columns]) {
  const from = Float64Array.from(values);
  const size = from.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const to = new Float64Array(values.length);
  for (const pass of passes(sigma)) {
    pass(from, to, [rows, columns, columns, 1]);
    pass(to, from, [columns, 1, rows, columns]);
  }
  const out = new Float32Array(from.length);
  for (let i = 0; i < out.length; i++) if (Math.abs(from[i]) > LEFT * size) out[i] = from[i];
  return out;
}

class Field {
  constructor(told) {
    this.told = told;
    this.map = told.map;
    this.n = content.grounds[told.ground].regions;
    this.opened = null;
  }

  /** Decodes what is needed; the rest is for others. */
  open() {
    this.opened ??= this.#open();
    return this.opened;
  }

  async #open() {
    const ground = content.grounds[this.told.ground];
    this.hard = ground.hard;
    this.scores = await arrayOf(this.told.scores);
    this.errors = this.told.errors ? await arrayOf(this.told.errors) : null;
    this.spots = await arrayOf(ground.spots);
    this.singles = Float32Array.from(this.scores);
    this.labels = ground.owners ? await arrayOf(ground.owners) : null;
    const axes = [];
    for (const axis of ground.axes ?? []) axes.push(sparse(await arrayOf(axis), ...axis.shape));
    this.axes = ground.axes ? axes : null;
    this.extremes = new Map();
    for (const [smooth, known] of this.map.extremes) this.extremes.set(smooth, await arrayOf(known));
    if (this.map.grid) {
      const { values, origin, unit } = this.map.grid;
      this.grid = Float64Array.from(await arrayOf(values), (step) => origin + unit * step);
      this.gridAxes = values.shape.map((cells, i) => between(content.shape[i], cells));
    }
    this.byRank = rankedBy(this.scores.map(Math.abs));
    this.largest = Math.abs(this.scores[this.byRank[0]]);
    this.supported = this.scores.some((score) => score > 0);
    this.rank = new Int32Array(this.n);
    this.byRank.forEach((region, place) => (this.rank[region] = place + 1));
    return this;
  }

  /** Whether the map is nothing but the scores of the owners. */
  get plain() {
    return this.hard && !this.grid;
  }

  /** What was made last, if it was made from the same; the page asks for a frame several times. */
  #last(what, key, make) {
    const kept = (this.kept ??= {});
    if (kept[what]?.key !== key) kept[what] = { key, made: make() };
    return kept[what].made;
  }

  /** The owners of a frame's voxels. */
  owners(t) {
    if (this.labels) return this.labels.subarray(t * PLANE, (t + 1) * PLANE);
    return this.#last("owners", t, () => this.#heaviestAt(t));
  }

  #heaviestAt(t) {
    const [time, down, across] = (this.heaviest ??= this.axes.map(heaviest));
    const [h, w] = [this.axes[1].cells, this.axes[2].cells];
    const found = new Int32Array(PLANE);
    for (let y = 0, i = 0; y < ROWS; y++) {
      for (let x = 0; x < COLUMNS; x++, i++) found[i] = (time[t] * h + down[y]) * w + across[x];
    }
    return found;
  }

  /** A frame of the attribution map; only to be read. */
  values(t, smooth = 0) {
    return this.#last("values", `${t} ${smooth}`, () => this.#valuesAt(t, smooth));
  }

  #valuesAt(t, smooth) {
    const out = new Float32Array(PLANE);
    if (this.grid) spread(this.grid, this.gridAxes, t, out);
    else if (this.axes) spread(this.scores, this.axes, t, out);
    else {
      const owners = this.owners(t);
      for (let i = 0; i < PLANE; i++) out[i] = this.singles[owners[i]];
    }
    return smooth > 0 ? smoothed(out, smooth, [ROWS, COLUMNS]) : out;
  }

  /** How much of each voxel of a frame is shown, when some regions are chosen. */
  shown(t, chosen) {
    const out = new Float32Array(PLANE);
    if (this.axes) return spread(chosen, this.axes, t, out);
    const owners = this.owners(t);
    for (let i = 0; i < PLANE; i++) out[i] = chosen[owners[i]];
    return out;
  }
}

const fields = content.explanations.map((told) => new Field(told));
