"""Pages in a real browser: opened, asked, and looked at."""

import base64
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vexplain.page import write_page

DESKTOP, PHONE = (1280, 800), (390, 844)


@dataclass
class Opened:
    """A page in the browser, and all that went wrong there."""

    page: Any
    troubles: list[str] = field(default_factory=list)
    began: int = 0

    def wait(self, script: str) -> None:
        """Wait until a script says yes; Playwright's own way needs a policy that allows eval."""
        for _ in range(300):
            if self.page.evaluate(script):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{script} never came true")

    def __call__(self, script: str) -> Any:
        """Run a script and wait until all is drawn."""
        found = self.page.evaluate(script)
        self.page.evaluate("vexplain.settled()")
        return found

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("vexplain.state()")
        return found

    def pixels(self, canvas: str) -> np.ndarray:
        url = self.page.evaluate(f"document.getElementById('{canvas}').toDataURL()")
        file = io.BytesIO(base64.b64decode(url.split(",")[1]))
        return np.asarray(Image.open(file).convert("RGBA")).astype(int)

    def voxels(self, canvas: str = "overlay") -> np.ndarray:
        """The canvas at the middle of each voxel, (H, W, 4)."""
        size = self.state["voxel"]
        return self.pixels(canvas)[size // 2 :: size, size // 2 :: size]

    def shot(self) -> np.ndarray:
        """What a screenshot has where the picture is, as grey levels."""
        box = self.page.locator("#picture").bounding_box()
        inner = {key: math.ceil(box[key]) for key in ("x", "y")}
        inner |= {key: math.floor(box[key]) - 1 for key in ("width", "height")}
        file = io.BytesIO(self.page.screenshot(clip=inner))
        levels = np.asarray(Image.open(file).convert("L")).astype(int)
        for rows in (slice(0, 9), slice(-9, None)):  # the corners are round
            levels[rows, :9] = levels[rows, -9:] = 0
        return levels

    def text(self, place: str) -> str:
        return str(self.page.text_content(place))


Open = Callable[..., Opened]


def open_page(
    browser: Any, folder: Path, explanations: Any, size: tuple[int, int], evaluations: Any
) -> Opened:
    """Write a page, open it in a window of that size, and wait until all is drawn."""
    path = write_page(explanations, folder / "page.html", evaluations=evaluations)
    found = Opened(browser.new_context(viewport={"width": size[0], "height": size[1]}).new_page())

    def refuse(route: Any) -> None:
        if not route.request.url.startswith(("file:", "blob:", "data:")):
            found.troubles.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    found.page.route("**/*", refuse)
    found.page.on("console", lambda message: found.troubles.append(message.text))
    found.page.on("pageerror", lambda error: found.troubles.append(str(error)))
    found.page.on("dialog", lambda dialog: found.troubles.append("dialog"))
    found.page.goto(path.as_uri())
    found("vexplain.settled()")
    found.began = found.state["picture"]
    found("vexplain.seek(0)")
    return found
