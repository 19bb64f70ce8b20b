"use strict";
// Draws the charts and lists the trades. Text goes in by textContent only; nothing is fetched.
(() => {
  const run = JSON.parse(document.getElementById("run").textContent);
  const trades = run.trades, count = trades.opened.length;
  const by = (id) => document.getElementById(id);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = () => innerWidth < 860;
  const MOST_STOPS = 80, MOST_CANDLES = 350;

  const plain = (value, digits) => Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const signed = (value, digits, lead = "") => {
    const text = plain(value, digits);
    return (Number(text.replaceAll(",", "")) === 0 ? "" : value < 0 ? "−" : "+") + lead + text;
  };
  const lead = run.sign.length === 1 ? run.sign : "", tail = lead ? "" : " " + run.sign;
  const money = (value) => signed(value, 2, lead) + tail;
  const price = (value) => plain(value, 2);
  const minute = (ms) => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  const tone = (value) => (value > 0 ? "gain" : value < 0 ? "loss" : "flat");
  const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  // ---------------------------------------------------------------- the list of trades

  const COLUMNS = [
    ["Opened", "opened", minute, ""],
    ["Closed", "closed", minute, ""],
    ["Quantity", "quantity", (value) => value.toFixed(Math.max(5, (String(value).split(".")[1] || "").length)), "right"],
    ["Entry", "entry", price, "right"],
    ["Exit", "exit", price, "right"],
    ["Result", "gain", money, "right"],
    ["%", "pct", (value) => signed(value, 2), "right"],
    ["Exit by", "reason", String, ""],
    ["Why it was bought", "why", String, "why"],
  ];
  const FIRST = narrow() ? 20 : 50; // a trade is tall on a phone
  let sorted = { column: "opened", down: true }, shown = FIRST, words = "";

  const texts = Array.from({ length: count }, (_, row) =>
    [minute(trades.opened[row]), minute(trades.closed[row]), trades.reason[row], trades.why[row]].join(" ").toLowerCase());

  function found() {
    const values = trades[sorted.column], up = sorted.down ? -1 : 1;
    const rows = [];
    for (let row = 0; row < count; row++) if (!words || texts[row].includes(words)) rows.push(row);
    return rows.sort((a, b) => (values[a] < values[b] ? -up : values[a] > values[b] ? up : a - b));
  }

  function element(name, text, kind) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  }

  function line(row) {
    const made = element("tr");
    for (const [title, name, worded, kind] of COLUMNS) {
      const cell = element("td", "", kind), text = worded(trades[name][row]);
      cell.dataset.name = title;
      if (name === "gain" || name === "pct") cell.classList.add(tone(trades[name][row]));
      if (name === "why") {
        const open = element("button", text || "–");
        open.type = "button";
        open.setAttribute("aria-expanded", "false");
        open.onclick = () => open.setAttribute("aria-expanded", String(open.getAttribute("aria-expanded") !== "true"));
        cell.append(open);
      } else cell.textContent = text;
      made.append(cell);
    }
    return made;
  }

  function list() {
    const rows = found();
    by("rows").replaceChildren(...rows.slice(0, shown).map(line));
    by("found").textContent = `${rows.length.toLocaleString("en-US")} of ${count.toLocaleString("en-US")}`;
    by("more").hidden = rows.length <= shown;
    for (const head of by("heads").children) {
      if (head.dataset.column === sorted.column) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  }

  function sortBy(column, down) {
    sorted = { column, down };
    shown = FIRST;
    by("order").value = `${column} ${down}`;
    list();
  }

  if (count) {
    for (const [title, name, , kind] of COLUMNS) {
      const head = element("th", "", kind === "right" ? "right" : ""), press = element("button", title);
      head.scope = "col";
      head.dataset.column = name;
      press.type = "button";
      press.onclick = () => sortBy(name, sorted.column === name ? !sorted.down : true);
      head.append(press);
      by("heads").append(head);
    }
    const orders = [["Newest first", "opened true"], ["Oldest first", "opened false"], ["Largest gain first", "gain true"], ["Largest loss first", "gain false"], ["Exit by", "reason false"]];
    for (const [title, value] of orders) {
      const choice = element("option", title);
      choice.value = value;
      by("order").append(choice);
    }
    by("order").onchange = (event) => { const [column, down] = event.target.value.split(" "); sortBy(column, down === "true"); };
    by("search").oninput = (event) => { words = event.target.value.trim().toLowerCase(); shown = FIRST; list(); };
    by("more").onclick = () => { shown += 200; list(); };
    list();
  }

  // ---------------------------------------------------------------- charts

  const colours = () => {
    const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
    return { text: colour("--text"), soft: colour("--soft"), line: colour("--line"), card: colour("--card"), gain: colour("--heat-gain"), loss: colour("--heat-loss"), stop: colour("--stop") };
  };
  const SIGNS = { "sold by vote": "circle", stop: "x", "trailing stop": "diamond", "closed by hand": "square", "kill switch": "star", emergency: "hexagram" };

  function look(c, more) {
    return {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: c.text, size: 12, family: "system-ui, sans-serif" },
      margin: { l: narrow() ? 54 : 66, r: 12, t: 34, b: 40 }, hovermode: "closest", dragmode: narrow() ? false : "zoom",
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", traceorder: "normal", bgcolor: "rgba(0,0,0,0)", font: { size: narrow() ? 11 : 12 } },
      hoverlabel: { bgcolor: c.card, bordercolor: c.line, font: { color: c.text }, align: "left" }, ...more,
    };
  }
  const cash = lead === "$" ? { tickformat: "$,.0f" } : { tickprefix: lead, tickformat: ",.0f" };
  const across = (c, more) => ({ type: "date", gridcolor: c.line, linecolor: c.line, zeroline: false, ...more });
  const upward = (c, more) => ({ gridcolor: c.line, linecolor: c.line, zerolinecolor: c.soft, automargin: true, ...more });
  const setting = { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d"] };

  const mostSigns = () => (narrow() ? 90 : 250);

  function signs(from, to) {
    const rows = [];
    for (let row = 0; row < count; row++) if (trades.closed[row] >= from && trades.opened[row] <= to) rows.push(row);
    if (rows.length <= mostSigns()) return { rows, all: rows.length };
    const most = rows.slice().sort((a, b) => Math.abs(trades.gain[b]) - Math.abs(trades.gain[a])).slice(0, mostSigns());
    return { rows: most.sort((a, b) => a - b), all: rows.length };
  }

  const broken = (text) => text.replace(/(.{1,70})(\s|$)/g, "$1\n").trim().split("\n").slice(0, 6).map(escaped).join("<br>");

  const stopsIn = (from, to) => {
    const near = run.stops.filter((stop) => stop.at[stop.at.length - 1] >= from && stop.at[0] <= to);
    return near.length <= MOST_STOPS ? near : [];
  };

  function priceTraces(c, from, to) {
    const p = run.price, traces = [];
    let first = p.at.findIndex((at) => at + run.seconds * 1000 >= from), end = p.at.findIndex((at) => at > to);
    if (first < 0) first = p.at.length;
    if (end < 0) end = p.at.length;
    if (end - first <= MOST_CANDLES) {
      const part = (name) => p[name].slice(first, end);
      traces.push({ type: "candlestick", name: "Price", x: part("at"), open: part("open"), high: part("high"), low: part("low"), close: part("close"),
        increasing: { line: { color: c.soft, width: 1 }, fillcolor: c.card }, decreasing: { line: { color: c.soft, width: 1 }, fillcolor: c.soft }, hoverinfo: "x+y", showlegend: false });
    } else {
      const band = { x: p.at, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
      traces.push({ ...band, y: p.low }, { ...band, y: p.high, fill: "tonexty", fillcolor: c.soft + "33" });
      traces.push({ x: p.at, y: p.close, mode: "lines", name: "Price", line: { color: c.soft, width: 1 }, hovertemplate: "%{y:,.2f}<extra></extra>", showlegend: false });
    }
    const at = [], level = [];
    for (const stop of stopsIn(from, to)) {
      at.push(...stop.at, null);
      level.push(...stop.price, null);
    }
    if (at.length) traces.push({ x: at, y: level, mode: "lines", name: "Stop price", line: { color: c.stop, width: 1, dash: "dot", shape: "hv" }, connectgaps: false, hovertemplate: "stop %{y:,.2f}<extra></extra>" });
    return traces;
  }

  function tradeTraces(c, rows) {
    const pick = (name) => rows.map((row) => trades[name][row]);
    const traces = [];
    for (const [name, colour, fits] of [["gain", c.gain, (v) => v >= 0], ["loss", c.loss, (v) => v < 0]]) {
      const x = [], y = [];
      for (const row of rows) if (fits(trades.gain[row])) { x.push(trades.opened[row], trades.closed[row], null); y.push(trades.entry[row], trades.exit[row], null); }
      if (x.length) traces.push({ x, y, mode: "lines", name: `${name === "gain" ? "Gain" : "Loss"}, entry to exit`, line: { color: colour, width: 1.2 }, hoverinfo: "skip", showlegend: !narrow() });
    }
    if (rows.length) traces.push({ x: pick("opened"), y: pick("entry"), mode: "markers", name: "Entry", marker: { symbol: "triangle-up", size: rows.length > 100 || narrow() ? 7 : 9, color: c.card, line: { color: c.text, width: 1.4 } },
      text: rows.map((row) => `<b>Entry</b> ${minute(trades.opened[row])}<br>${price(trades.entry[row])}<br>${broken(trades.why[row])}`), hovertemplate: "%{text}<extra></extra>" });
    for (const why of Object.keys(SIGNS).concat([...new Set(trades.reason)].filter((each) => !(each in SIGNS)))) {
      const some = rows.filter((row) => trades.reason[row] === why);
      if (!some.length) continue;
      const name = why[0].toUpperCase() + why.slice(1), symbol = SIGNS[why] || "pentagon";
      traces.push({ x: [null], y: [null], mode: "markers", name: narrow() ? name.replace(/^(Sold|Closed) by/, "By") : name, legendgroup: why, marker: { symbol, size: 8, color: c.soft } }); // the legend tells the sign, not gain or loss
      traces.push({ x: some.map((row) => trades.closed[row]), y: some.map((row) => trades.exit[row]), mode: "markers", legendgroup: why, showlegend: false,
        marker: { symbol, size: rows.length > 100 || narrow() ? 6 : 8, color: some.map((row) => (trades.gain[row] < 0 ? c.loss : c.gain)), line: { color: c.card, width: 0.6 } },
        text: some.map((row) => `<b>${escaped(why)}</b> ${minute(trades.closed[row])}<br>${price(trades.exit[row])}<br>${money(trades.gain[row])} (${signed(trades.pct[row], 2)} %)`), hovertemplate: "%{text}<extra></extra>" });
    }
    return traces;
  }

  const whole = () => {
    const at = run.price.at;
    return at.length ? [at[0], at[at.length - 1] + run.seconds * 1000] : [run.equity.at[0], run.equity.at[run.equity.at.length - 1]];
  };
  let seen = whole(), painting = false;

  function fitting(from, to) {
    const p = run.price, values = [];
    for (let i = 0; i < p.at.length; i++) if (p.at[i] >= from && p.at[i] <= to) values.push(p.low[i], p.high[i]);
    for (let row = 0; row < count; row++) if (trades.closed[row] >= from && trades.opened[row] <= to) values.push(trades.entry[row], trades.exit[row]);
    for (const stop of stopsIn(from, to)) for (const level of stop.price) values.push(level);
    if (!values.length) return {};
    const [low, high] = values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]), room = (high - low) * 0.05 || high * 0.01;
    return { range: [low - room, high + room] };
  }

  async function paintPrice() {
    if (painting) return;
    painting = true;
    const c = colours(), { rows, all } = signs(...seen);
    const layout = look(c, { height: narrow() ? 440 : 520, xaxis: across(c, { range: seen.slice(), rangeslider: { visible: false } }), yaxis: upward(c, { ...cash, ...fitting(...seen) }) });
    await Plotly.react("price", [...priceTraces(c, ...seen), ...tradeTraces(c, rows)], layout, setting);
    by("price-note").textContent = rows.length < all ? `${rows.length.toLocaleString("en-US")} of ${all.toLocaleString("en-US")} trades are drawn here, those with the largest results; zoom in to see all, and their stops.`
      : run.stops.length > MOST_STOPS && seen[0] <= whole()[0] && seen[1] >= whole()[1] ? "Stops are drawn where you zoom in."
      : run.price.at.length ? "" : "The folder of this run keeps no candles: only the trades are drawn.";
    painting = false;
    spans();
  }

  function spans() {
    const [first, last] = whole(), day = 86400000, length = seen[1] - seen[0];
    for (const press of document.querySelectorAll(".spans button")) {
      const days = Number(press.dataset.days), step = Number(press.dataset.step);
      if (press.dataset.days) {
        press.hidden = days * day >= last - first;
        press.setAttribute("aria-pressed", String(Math.abs((days ? days * day : last - first) - length) < 1000));
        press.onclick = () => { const end = Math.min(last, seen[1]); show(days ? [Math.max(first, end - days * day), end] : [first, last]); };
      } else {
        press.disabled = step < 0 ? seen[0] <= first : seen[1] >= last;
        press.onclick = () => { const start = Math.max(first, Math.min(last - length, seen[0] + step * length)); show([start, start + length]); };
      }
    }
  }

  function show(range) {
    seen = range;
    return paintPrice();
  }

  function listen() {
    by("price").on("plotly_relayout", (change) => {
      if (painting) return;
      const ms = (value) => (typeof value === "number" ? value : Date.parse(String(value).replace(" ", "T") + (/Z|[+]/.test(String(value)) ? "" : "Z")));
      if (change["xaxis.autorange"]) seen = whole();
      else if (change["xaxis.range[0]"] !== undefined) seen = [ms(change["xaxis.range[0]"]), ms(change["xaxis.range[1]"])];
      else if (Array.isArray(change["xaxis.range"])) seen = change["xaxis.range"].map(ms);
      else return;
      paintPrice();
    });
  }

  async function paintEquity() {
    const c = colours(), e = run.equity, h = run.held, u = run.under;
    const hover = (name) => `${name} ${lead}%{y:,.2f}${tail}<extra></extra>`;
    const traces = [{ x: e.at, y: e.value, mode: "lines", name: "The bot", line: { color: c.text, width: 1.8 }, hovertemplate: hover("bot") }];
    if (h.at.length) traces.push({ x: h.at, y: h.value, mode: "lines", name: "Buy and hold", line: { color: c.soft, width: 1.4, dash: "dot" }, hovertemplate: hover("held") });
    traces.push({ x: u.at, y: u.value, mode: "lines", name: "Drawdown", yaxis: "y2", fill: "tozeroy", fillcolor: c.loss + "40", line: { color: c.loss, width: 1.2 }, hovertemplate: "%{y:.2f} %<extra></extra>" });
    await Plotly.react("equity", traces, look(c, { height: narrow() ? 440 : 520, hovermode: "x unified", xaxis: across(c, { anchor: "y2" }),
      yaxis: upward(c, { domain: [0.34, 1], ...cash }), yaxis2: upward(c, { domain: [0, 0.26], ticksuffix: " %", rangemode: "tozero" }) }), setting);
  }

  async function paintResults() {
    const c = colours(), { edges, counts } = run.bins;
    if (!counts.length) return empty("results", "No trade was closed.");
    const middle = counts.map((_, i) => (edges[i] + edges[i + 1]) / 2);
    await Plotly.react("results", [{ type: "bar", x: middle, y: counts, width: counts.map((_, i) => (edges[i + 1] - edges[i]) * 0.92), marker: { color: middle.map((v) => (v < 0 ? c.loss : c.gain)) },
      text: counts.map((n, i) => `${signed(edges[i], 2)} to ${signed(edges[i + 1], 2)} %: ${n}`), textposition: "none", hovertemplate: "%{text}<extra></extra>" }],
      look(c, { height: 300, margin: { l: 54, r: 12, t: 10, b: 46 }, xaxis: upward(c, { ticksuffix: " %", title: { text: "result of a trade" } }), yaxis: upward(c, { title: { text: "trades" } }) }), setting);
  }

  async function paintVoices() {
    const c = colours(), rows = run.voices.slice().reverse();
    if (!rows.length) return empty("voices", "No strategy's vote led to a closed trade.");
    await Plotly.react("voices", [{ type: "bar", orientation: "h", y: rows.map((row) => `${escaped(row[0].replaceAll("_", " "))}<br>${money(row[2])} · ${row[1].toLocaleString("en-US")} trades`), x: rows.map((row) => row[2]), width: 0.4, marker: { color: rows.map((row) => (row[2] < 0 ? c.loss : c.gain)) },
      hoverinfo: "none" }],
      look(c, { height: Math.max(180, 60 * rows.length + 60), margin: { l: 20, r: 20, t: 10, b: 40 }, xaxis: upward(c, { ...cash, nticks: narrow() ? 4 : 6, tickangle: 0 }), yaxis: { automargin: true, gridcolor: c.line } }), setting);
  }

  function empty(id, text) {
    by(id).style.minHeight = "0";
    by(`${id}-note`).textContent = text;
  }

  const paint = async () => { await paintPrice(); await paintEquity(); await paintResults(); await paintVoices(); };

  async function unpacked() {
    const packed = Uint8Array.from(atob(by("plotly").textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  }

  unpacked().then(paint).then(listen).then(() => {
    dark.addEventListener("change", paint);
    document.documentElement.dataset.drawn = "yes";
  }).catch((error) => {
    for (const id of ["price", "equity", "results", "voices"]) empty(id, "This browser is too old to draw the charts; the figures and the list of trades are complete.");
    console.error(error);
  });
})();
