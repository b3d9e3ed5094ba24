// Opens the page, and offers a small handle for tests and for other scripts on the same page.

async function open() {
  if (!("DecompressionStream" in window)) {
    throw new Error("This browser is too old for the page: it needs one of 2023 or later.");
  }
  openScreen();
  film.open();
  await openColors();
  openControls();
  openTimeline();
  openPointing();
  openRegions();
  openGame();
  openFacts();
  openKeys();
  await openMoments();
  await film.load(0);
  await choose(0);
  seek(film.pictureOf(strongest()));
  prepare();
}

/** The clip frame that holds most relevance: what is worth seeing first. */
function strongest() {
  const { positive, negative } = field().map;
  const sizes = Array.from(positive, (up, t) => up - negative[t]);
  return sizes.indexOf(greatest(sizes));
}

/** Decodes the other explanations, one by one, so that they are there when they are chosen. */
async function prepare() {
  for (const one of fields) await one.open();
}

const isSettled = () => Boolean(now.ends?.done) && now.drawn === now.picture && !now.untold;

/** Waits until all is drawn as it will stay. */
async function settled() {
  await ready;
  while (!isSettled()) await new Promise((go) => setTimeout(go, 10));
  await new Promise((go) => requestAnimationFrame(() => setTimeout(go, 0)));
}

const ready = open().catch((error) => {
  byId("failure").textContent = `The page could not be opened: ${error.message}`;
  byId("failure").hidden = false;
  throw error;
});

window.vexplain = {
  ready,
  settled,
  seek,
  seekFrame: (frame) => seek(film.pictureOf(frame)),
  choose,
  set,
  visit,
  game: (which, point) => goTo(gamesOf()[which], point),
  state: () => ({
    explanation: now.explanation, picture: now.picture, number: film.numbers[now.picture],
    place: film.places[now.picture], pictures: film.n, playing: now.playing, region: now.region,
    setting: setting(), shown: now.chosen.reduce((sum, is) => sum + is, 0), span: now.ends.span,
    settled: isSettled(), voxel: size, took: [...now.took],
  }),
};
