/* What scrolls sideways can be reached by keyboard and says its name; what does not is no tab stop. */
(() => {
  const boxes = () => document.querySelectorAll(".srlaw-table, mjx-container[display=true], .vega-embed, div.cell_output, pre");
  const mark = () => {
    for (const box of boxes()) {
      const wide = box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== "visible";
      box.classList.toggle("scrolls", wide);
      if (!wide) {
        box.removeAttribute("tabindex");
        if (box.getAttribute("role") === "region") ["role", "aria-label"].forEach((name) => box.removeAttribute(name));
        continue;
      }
      box.tabIndex = 0;
      if (box.hasAttribute("role")) continue; // a chart, which has its description
      box.setAttribute("role", "region");
      const kind = box.matches("mjx-container") ? "Equation" : box.matches("pre") ? "Code" : "Table";
      box.setAttribute("aria-label", `${box.querySelector("caption")?.textContent.trim() || kind}, scrolls sideways`);
    }
  };
  addEventListener("load", async () => {
    for (const toggle of document.querySelectorAll("nav summary")) { // of the theme, an arrow without a word
      const link = toggle.closest("li")?.querySelector("a");
      if (!toggle.textContent.trim()) toggle.setAttribute("aria-label", `Pages below ${link?.textContent.trim() || "this"}`);
    }
    if (window.MathJax?.startup) await MathJax.startup.promise;
    const long = [...document.querySelectorAll("article mjx-container:not([display])")]
      .filter((formula) => formula.offsetWidth > formula.closest("p, li, td, dd, h1, h2, h3")?.clientWidth);
    for (const formula of long) formula.setAttribute("display", "true"); // wider than a phone: a line of its own, which scrolls
    mark();
    addEventListener("chart-drawn", mark);
    new ResizeObserver(mark).observe(document.querySelector("article") || document.body);
  });
})();
