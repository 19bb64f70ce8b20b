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
  // Told apart by those who cannot tell red from green (Okabe and Ito), and by the dash where there is no colour.
  const LINES = () => (dark.matches ? ["#6cb8f0", "#ff9d5c", "#3fcf9f", "#e5a3cb", "#f0d04a"] : ["#0072b2", "#d55e00", "#00805d", "#b0588c", "#7a6400"]);
  const DASHES = ["solid", "dash", "dashdot", "longdash", "longdashdot"];

  function drawn(c, traces) {
    let place = 0;
    return traces.map((trace) => {
      if (trace.type === "bar") return { ...trace, marker: { color: (trace.orientation === "h" ? trace.x : trace.y).map((v) => (v < 0 ? c.loss : c.gain)) }, cliponaxis: false };
      if (trace.held) return { ...trace, line: { color: c.soft, width: 1.4, dash: "dot" } };
      if (trace.mode === "markers") return { ...trace, marker: { ...trace.marker, color: c.soft } };
      const number = place++;
      return { ...trace, line: { color: LINES()[number % 5], width: 1.8, dash: DASHES[number % 5], ...trace.line } };
    });
  }

  function layout(c, chart) {
    const axis = (more) => ({ gridcolor: c.line, linecolor: c.line, zerolinecolor: c.soft, automargin: true, ...more });
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: c.text, size: 12, family: "system-ui, sans-serif" },
      margin: { l: narrow() ? 54 : 70, r: 12, t: 34, b: 46 }, height: chart.height || 380, hovermode: chart.hover || "closest", dragmode: narrow() ? false : "zoom",
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)", font: { size: narrow() ? 11 : 12 } }, showlegend: chart.traces.length > 1,
      hoverlabel: { bgcolor: c.card, bordercolor: c.line, font: { color: c.text }, align: "left" }, xaxis: axis(chart.x), yaxis: axis(chart.y),
    };
  }

  async function paint() {
    const c = colours();
    for (const chart of charts) {
      by(chart.id).style.minHeight = `${chart.height || 380}px`;
      await Plotly.react(chart.id, drawn(c, chart.traces), layout(c, chart), { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] });
    }
  }

  async function unpacked() {
    const packed = Uint8Array.from(atob(by("plotly").textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  if (!charts.length) document.documentElement.dataset.drawn = "yes";
  else unpacked().then(paint).then(() => {
    dark.addEventListener("change", paint);
    document.documentElement.dataset.drawn = "yes";
  }).catch((error) => {
    for (const chart of charts) { by(chart.id).style.minHeight = "0"; by(`${chart.id}-note`).textContent = "This browser is too old to draw the charts; the tables are complete."; }
    console.error(error);
  });
})();
