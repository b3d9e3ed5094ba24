// What the page holds: one JSON text, and arrays that are base64 of deflated bytes.

const content = JSON.parse(byId("content").textContent);
const [FRAMES, ROWS, COLUMNS] = content.shape;
const PLANE = ROWS * COLUMNS;

const KINDS = {
  u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, u8: BigUint64Array,
  i1: Int8Array, i2: Int16Array, i4: Int32Array, i8: BigInt64Array,
  f4: Float32Array, f8: Float64Array,
};

const decoded = new Map();

function rawBytes(blob) {
  const packed = byId(`blob-${blob}`).textContent;
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(packed);
  const text = atob(packed);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** Undoes the differences between frames or rows; whole numbers wrap around as they did before. */
function summed(values, shape, filter) {
  const plane = shape[1] * shape[2];
  if (filter === "time") for (let i = plane; i < values.length; i++) values[i] += values[i - plane];
  if (filter === "rows") {
    for (let start = 0; start < values.length; start += plane) {
      for (let i = start + shape[2]; i < start + plane; i++) values[i] += values[i - shape[2]];
    }
  }
  return values;
}

/** The array that a reference names; decoded once. */
function arrayOf(reference) {
  const key = JSON.stringify(reference);
  if (!decoded.has(key)) {
    const made = inflated(rawBytes(reference.blob)).then((buffer) =>
      summed(new KINDS[reference.type](buffer), reference.shape, reference.filter));
    decoded.set(key, made);
  }
  return decoded.get(key);
}
