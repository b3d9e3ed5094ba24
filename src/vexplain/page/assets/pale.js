// What a picture is exchanged for where it matters less: as vexplain.visualization.Highlight has it.

const BLUR = 0.05; // standard deviation as a share of the picture's short side
const FINE = 4; // pixels of standard deviation that tell a blur as well as more do

/** A picture grey, dark or blurred. */
function paler(picture, back) {
  const [rows, columns] = film.size;
  const made = sheet(columns, rows, true);
  made.pen.drawImage(picture, 0, 0, columns, rows);
  const image = made.pen.getImageData(0, 0, columns, rows);
  if (back === "blur") {
    made.pen.drawImage(blurred(image), 0, 0, columns, rows);
    return made;
  }
  const { data } = image;
  for (let i = 0; i < data.length; i += 4) {
    const grey = 0.6 * (0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]);
    for (let c = 0; c < 3; c++) data[i + c] = back === "dark" ? 0.25 * data[i + c] : grey;
  }
  made.pen.putImageData(image, 0, 0);
  return made;
}

/** A small blurred copy of an image. Browsers shrink pictures in ways of their own, so it is not left to them. */
function blurred({ data, width, height }) {
  const sigma = BLUR * Math.min(width, height);
  const size = [height, width].map((side) => Math.max(1, Math.round((side * FINE) / Math.max(sigma, FINE))));
  const small = sheet(size[1], size[0]);
  const image = small.pen.createImageData(size[1], size[0]);
  image.data.fill(255);
  for (let c = 0; c < 3; c++) {
    const values = smoothed(means(data, c, [height, width], size), Math.min(sigma, FINE), size);
    for (let i = 0; i < values.length; i++) image.data[4 * i + c] = values[i];
  }
  small.pen.putImageData(image, 0, 0);
  return small;
}

/** The means of a channel over the boxes that the pixels of a smaller image stand for. */
function means(data, channel, [height, width], [rows, columns]) {
  const found = new Float64Array(rows * columns);
  const [top, left] = [height / rows, width / columns];
  for (let y = 0, at = 0; y < rows; y++) {
    const [y0, y1] = [Math.floor(y * top), Math.ceil((y + 1) * top)];
    for (let x = 0; x < columns; x++, at++) {
      const [x0, x1] = [Math.floor(x * left), Math.ceil((x + 1) * left)];
      let sum = 0;
      for (let v = y0; v < y1; v++) for (let u = x0; u < x1; u++) sum += data[4 * (v * width + u) + channel];
      found[at] = sum / ((y1 - y0) * (x1 - x0));
    }
  }
  return found;
}
