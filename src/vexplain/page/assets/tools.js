// Small things that every part uses.

const byId = (id) => document.getElementById(id);

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** The largest of numbers, however many: they can't all be arguments of one call. */
const greatest = (values) => values.reduce((best, value) => Math.max(best, value), -Infinity);

/** So many of something, of which the name has an s for several. */
const counted = (n, name) => `${n} ${name}${n === 1 ? "" : "s"}`;

/** Makes an element; texts become text, never markup, whatever names hold. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

function drawing(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A canvas that is never shown. */
function sheet(width, height, often = false) {
  const made = document.createElement("canvas");
  made.width = width;
  made.height = height;
  made.pen = made.getContext("2d", { willReadFrequently: often });
  return made;
}

const dashed = (text) => text.replace("-", "\u2212");

/** A number with three digits that count. */
function number(value, digits = 3) {
  if (value === null || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const small = Math.abs(value) < 1e-4 || Math.abs(value) >= 1e5;
  return dashed(small ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits))));
}

/** How numbers are written side by side: with as many decimals as a thousandth of the largest needs;
 *  what would have no digit left is written by itself. */
function decimalsFor(largest) {
  const digits = largest > 0 ? 2 - Math.floor(Math.log10(largest)) : 2;
  if (digits > 7 || digits < -4) return (value) => number(value);
  return (value) => {
    const text = Number.isFinite(value) ? value.toFixed(clamp(digits, 0, 7)) : "0";
    return Number(text) ? dashed(text) : number(value, 1);
  };
}

const signed = (value, write = number) => (value > 0 ? "+" : "") + write(value);

const percent = (share) => `${number(100 * share, share < 0.1 ? 2 : 3)} %`;

/** A probability with three decimals, or the first digit that it has. */
const likely = (value) => (value < 0.0005 ? number(value, 1) : value.toFixed(3));

const seconds = (value) => `${dashed(value.toFixed(2))} s`;

function options(select, names, chosen) {
  select.replaceChildren(...names.map(([value, text]) => element("option", { value }, text)));
  if (chosen !== undefined) select.value = chosen;
}
