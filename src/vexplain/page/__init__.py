"""The page: explanations of one clip as a single HTML file that plays in any browser."""

from vexplain.page.writing import write_page

__all__ = ["write_page"]
