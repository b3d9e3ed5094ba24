// The table of the regions that matter most; each can be visited.

const LISTED = 12;

/** Where a place is in the frame, in words. */
function placeOf(y, x) {
  const down = ["top", "middle", "bottom"][clamp(Math.floor((3 * (y + 0.5)) / ROWS), 0, 2)];
  const across = ["left", "centre", "right"][clamp(Math.floor((3 * (x + 0.5)) / COLUMNS), 0, 2)];
  return down === "middle" && across === "centre" ? "centre" : `${down} ${across}`;
}

function whenOf(first, last) {
  const [from, to] = [film.moments[first], film.moments[last]];
  return first === last ? seconds(from) : `${dashed(from.toFixed(2))}\u2013${seconds(to)}`;
}

function rowOfRegion(region) {
  const [first, last, , y, x] = field().spots.subarray(6 * region, 6 * region + 6);
  const score = field().scores[region];
  const dot = dotOf(twoColors(setting())[score >= 0 ? 0 : 1]);
  const visiting = element("button", { type: "button", "aria-label": `Show region ${region}` }, String(region));
  visiting.addEventListener("click", () => visit(region));
  const there = Number.isFinite(first);
  return element("tr", region === now.region ? { class: "marked" } : {},
    element("th", { scope: "row" }, visiting),
    element("td", { class: "number" }, dot, scoreInWords(region)),
    element("td", { class: "nowrap" }, there ? whenOf(first, last) : "\u2013"),
    element("td", {}, there ? placeOf(y, x) : "nowhere the heaviest", element("small", {}, there ? ` (${Math.round(x)}, ${Math.round(y)})` : "")));
}

function showRegions() {
  const body = byId("regions").tBodies[0];
  const focused = document.activeElement?.closest?.("#regions") ? document.activeElement.textContent : null;
  const listed = field().byRank.slice(0, LISTED);
  if (now.region !== null && !listed.includes(now.region)) listed.push(now.region);
  body.replaceChildren(...listed.map(rowOfRegion));
  if (focused) [...body.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
  const error = field().errors ? ", \u00B1 standard error" : "";
  byId("regions-lead").textContent =
    `By the size of their score in ${told().unit}${error}; where: the centre (x, y) in pixels of the clip. Choose one to see it.`;
}

function openRegions() {
  whenChanged.push(() => isNews(openRegions) && showRegions());
}
