// The pictures: decoded when they are needed and a little ahead, and not all kept.

const KEPT = 48;

const film = {
  ...content.film,
  n: content.film.numbers.length,
  bytes: null,
  kept: new Map(),
  coming: new Map(),
  first: content.film.seconds[0],
  last: content.film.seconds[content.film.numbers.length - 1],
};

film.open = () => {
  film.bytes = rawBytes(film.pictures.blob);
};

/** The decoded picture, or undefined while it is still coming. */
film.ready = (i) => film.kept.get(i);

film.decode = (i) => {
  const { ends } = film.pictures;
  const file = film.bytes.subarray(i ? ends[i - 1] : 0, ends[i]);
  return createImageBitmap(new Blob([file], { type: "image/jpeg" }));
};

/** Decodes a picture and keeps it among the latest. */
film.load = (i) => {
  if (film.kept.has(i)) {
    const known = film.kept.get(i);
    film.kept.delete(i);
    film.kept.set(i, known);
    return Promise.resolve(known);
  }
  if (!film.coming.has(i)) {
    const made = film.decode(i).then((picture) => {
      film.coming.delete(i);
      film.kept.set(i, picture);
      for (const [old, unused] of film.kept) {
        if (film.kept.size <= KEPT) break;
        film.kept.delete(old);
        unused.close();
      }
      return picture;
    });
    film.coming.set(i, made);
  }
  return film.coming.get(i);
};

film.ahead = (i, many) => {
  for (let k = 1; k <= many; k++) film.load((i + k) % film.n);
};

/** The picture at a time: the last one that has begun. */
film.at = (time) => {
  let low = 0;
  let high = film.n - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (film.seconds[middle] <= time + 1e-9) low = middle;
    else high = middle - 1;
  }
  return low;
};

/** The picture that is nearest to a time, and the one of a frame of the clip. */
film.nearest = (time) => {
  const low = film.at(time);
  const high = Math.min(low + 1, film.n - 1);
  return time - film.seconds[low] <= film.seconds[high] - time ? low : high;
};
film.pictureOf = (frame) => film.nearest(film.moments[frame]);

/** Whether a picture is a frame that the model was given. */
film.seen = (i) => Number.isInteger(film.places[i]) && !(beyond(i));
const beyond = (i) => Math.abs(film.seconds[i] - film.moments[film.places[i]]) > 1e-6;

/** Whether the map says anything of a picture: of one frame alone it says nothing about others. */
film.reached = (i) => FRAMES > 1 || film.seen(i);

/** How long a picture stands, in seconds. */
film.lasts = (i) => {
  const step = film.n > 1 ? (film.last - film.first) / (film.n - 1) : 1;
  return i + 1 < film.n ? film.seconds[i + 1] - film.seconds[i] : step;
};
