"use strict";
// Draws each figure with the page's own plotly.js: at once where it is seen, when unfolded where it is folded.
(function () {
  const night = window.matchMedia("(prefers-color-scheme: dark)");
  const looks = JSON.parse(document.getElementById("figure-templates").textContent);
  const drawn = new Set();
  const buttons = [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]];  // none leads outside
  const look = (dark) => (dark ? looks.dark : looks.light);

  function draw(place) {
    if (drawn.has(place)) { return; }
    drawn.add(place);
    const figure = JSON.parse(document.getElementById(place.id + "-data").textContent);
    const layout = Object.assign({}, figure.layout, { template: look(night.matches), autosize: true });
    delete layout.width;
    layout.height = layout.height || 380;
    const narrow = place.clientWidth < 560;
    const empty = layout.xaxis && layout.xaxis.visible === false;
    if (narrow && !empty) {  // the legend needs several rows there
      layout.height += 70;
      layout.font = Object.assign({ size: 11 }, layout.font);
      layout.xaxis = Object.assign({ nticks: 4, tickangle: 0 }, layout.xaxis);
    }
    const options = { responsive: true, displaylogo: false, modeBarButtons: buttons };
    if (narrow || empty) { options.displayModeBar = false; }
    Plotly.newPlot(place, figure.data, layout, options);
  }

  function drawSeen(root) {
    for (const place of root.querySelectorAll(".figure")) {
      const fold = place.closest("details");
      if (!fold || fold.open) { draw(place); }
    }
  }

  function recolour(dark) {
    for (const place of drawn) { Plotly.relayout(place, { template: look(dark) }); }
  }

  drawSeen(document);
  for (const fold of document.querySelectorAll("details")) {
    fold.addEventListener("toggle", () => { if (fold.open) { drawSeen(fold); } });
  }
  night.addEventListener("change", (event) => recolour(event.matches));

  let unfolded = [];
  window.addEventListener("beforeprint", () => {
    recolour(false);
    unfolded = [...document.querySelectorAll("details.onpaper:not([open])")];
    for (const fold of unfolded) { fold.open = true; }
  });
  window.addEventListener("afterprint", () => {
    recolour(night.matches);
    for (const fold of unfolded) { fold.open = false; }
  });
})();
