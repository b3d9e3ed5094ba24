// Colours: tables and pairs that are the very ones of vexplain.visualization.

const tables = {};

async function openColors() {
  for (const [name, reference] of Object.entries(content.palettes.heat)) tables[name] = await arrayOf(reference);
}

const pairOf = (name) => content.palettes.pair[name] ?? Object.values(content.palettes.pair)[0];

const css = ([r, g, b]) => `rgb(${r}, ${g}, ${b})`;

/** What supports and what opposes, in the colours that are chosen now; heat shows only the first. */
function twoColors(setting) {
  if (setting.look !== "heat") return pairOf(setting.pair).map(css);
  return [css(tables[setting.heat].subarray(3 * 166, 3 * 167)), "#8d8d96"];
}

/** 256 colours from low to high, as the bar of the legend has them. */
function barColors(setting) {
  if (setting.look === "heat") return tables[setting.heat];
  const [up, down] = pairOf(setting.pair);
  const found = new Uint8Array(256 * 3);
  for (let i = 0; i < 256; i++) {
    const place = (2 * i) / 255 - 1;
    const color = place > 0 ? up : down;
    for (let c = 0; c < 3; c++) found[3 * i + c] = Math.round(255 - Math.abs(place) * (255 - color[c]));
  }
  return found;
}
