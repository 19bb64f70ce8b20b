"use strict";
// Draws the charts that the page brings as traces and axes. Text goes in by textContent only; nothing is fetched.
(() => {
  const charts = JSON.parse(document.getElementById("run").textContent);
  const by = (id) => document.getElementById(id);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = () => innerWidth < 860;

  const colours = () => {
    const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
    return { text: colour("--text"), soft: colour("--soft"), line: colour("--line"), card: colour("--card"), gain: colour("--heat-gain"), loss: colour("--heat-loss") };
  };
  // Blue to orange, as everywhere: told apart by those who cannot tell red from green.
  const scale = (c) => [[0, c.loss], [0.5, c.card], [1, c.gain]];

  function layout(c, chart) {
    const axis = (more) => ({ gridcolor: c.line, linecolor: c.line, zerolinecolor: c.soft, automargin: true, ...more });
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: c.text, size: 12, family: "system-ui, sans-serif" },
      margin: { l: narrow() ? 54 : 70, r: 12, t: 34, b: 46 }, height: chart.height || 380, hovermode: chart.hover || "closest", dragmode: narrow() ? false : "zoom",
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" }, showlegend: chart.traces.length > 1,
      hoverlabel: { bgcolor: c.card, bordercolor: c.line, font: { color: c.text }, align: "left" }, xaxis: axis(chart.x), yaxis: axis(chart.y),
    };
  }

  async function paint() {
    const c = colours();
    for (const chart of charts) {
      const traces = chart.traces.map((trace) => {
        if (trace.type === "heatmap") return { ...trace, colorscale: scale(c), zmid: trace.zmid, hoverongaps: false, textfont: { color: c.text } };
        if (trace.type === "bar") return { ...trace, marker: { color: (trace.orientation === "h" ? trace.x : trace.y).map((v) => (v < 0 ? c.loss : c.gain)) } };
        return { ...trace };
      });
      await Plotly.react(chart.id, traces, layout(c, chart), { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] });
    }
  }

  async function unpacked() {
    const packed = Uint8Array.from(atob(by("plotly").textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  unpacked().then(paint).then(() => {
    dark.addEventListener("change", paint);
    document.documentElement.dataset.drawn = "yes";
  }).catch((error) => {
    for (const chart of charts) { by(chart.id).style.minHeight = "0"; by(`${chart.id}-note`).textContent = "This browser is too old to draw the charts; the tables are complete."; }
    console.error(error);
  });
})();
