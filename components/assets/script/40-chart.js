// What the price chart says by itself: times in the viewer's zone or UTC, the figures of a candle. Numbers only, never
// text. Every chart is drawn anew when the zone changes.
window.traderChart = {
  time(name, seconds) {
    const at = new Date(Number(name));
    const zone = window.traderTimes.zone();
    const clock = at.toLocaleTimeString("en", { ...zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const days = seconds >= 14400 || clock === "00:00";
    return days ? at.toLocaleDateString([], { ...zone, day: "numeric", month: "short" }) : clock;
  },
  // Stops near what is seen are kept in sight; far ones must not flatten the candles.
  lowest(seen, stops) {
    const span = seen.max - seen.min;
    const near = stops.filter((stop) => stop < seen.min && stop > seen.min - span);
    return Math.min(seen.min, ...near) - span * 0.04;
  },
  beside(at, size) {
    return [at[0] < size.viewSize[0] / 2 ? size.viewSize[0] - size.contentSize[0] - 62 : 4, 4];
  },
  tip(points) {
    const said = (value) => Number(value).toLocaleString([], { maximumFractionDigits: 2 });
    const at = points.length ? new Date(Number(points[0].name || points[0].axisValue)) : null;
    const { utc, zone } = window.traderTimes;
    const lines = at ? [at.toLocaleString([], { ...zone(), day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }) + (utc ? " UTC" : "")] : [];
    for (const point of points) {
      const value = point.value;
      if (point.seriesType === "candlestick") {
        const [open, close, low, high] = value.slice(-4).map(said);
        lines.push(`open ${open}`, `high ${high}`, `low ${low}`, `close ${close}`);
      } else if (point.seriesType === "bar") lines.push(`volume ${said(value)}`);
      else if (point.seriesId === "entries" || point.seriesId === "exits") lines.push(`${point.seriesId === "entries" ? "▲ bought" : "▼ sold"} at ${said(value[1])}`);
      else if (point.seriesId === "news") lines.push(`${said(value[2])} headline${value[2] === 1 ? "" : "s"}`);
    }
    return lines.join("<br>");
  },
};
addEventListener("trader-zone", () => {
  const places = document.querySelectorAll("[_echarts_instance_]");
  if (places.length) import("nicegui-echart").then(({ echarts }) => places.forEach((place) => {
    const chart = echarts.getInstanceByDom(place);
    if (chart) chart.setOption({ useUTC: window.traderTimes.utc });
  })).catch(() => {});
});
// What charts are drawn with is large: it is fetched once the page stands and nothing else is waiting.
addEventListener("load", () => setTimeout(() => {
  const idle = window.requestIdleCallback || ((work) => work());
  if (!(navigator.connection && navigator.connection.saveData)) idle(() => import("nicegui-echart").catch(() => {}));
}, 4000));
