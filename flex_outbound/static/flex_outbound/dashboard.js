// Draws the dashboard's charts from the figures in the page. Without it, or without Chart.js, the tables say the same.
const data = document.getElementById("flex-figures");
const charts = [];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function series(one, kind) {
  const tone = colour(`--flex-${one.tone}`);
  const line = kind === "lines";
  return {
    label: one.label,
    data: one.values,
    borderColor: tone,
    backgroundColor: tone,
    borderWidth: line ? 2 : 0,
    borderRadius: 2,
    maxBarThickness: 28,
    pointRadius: line && one.values.length > 31 ? 0 : 2,
    pointHitRadius: 8,
    spanGaps: true,
  };
}

function options(chart) {
  const across = chart.kind === "across";
  const numbers = { beginAtZero: true, grid: { color: colour("--hairline-color") }, border: { display: false } };
  if (!chart.unit) numbers.ticks = { precision: 0 };
  const names = { grid: { display: false }, ticks: { maxRotation: 0, autoSkip: !across, autoSkipPadding: 12 } };
  return {
    indexAxis: across ? "y" : "x",
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    interaction: { mode: "index", axis: across ? "y" : "x", intersect: false },
    scales: across ? { x: numbers, y: names } : { x: names, y: numbers },
    plugins: {
      legend: { display: chart.series.length > 1, position: "bottom", labels: { boxWidth: 12, boxHeight: 12 } },
      tooltip: {
        callbacks: {
          label: ({ dataset, formattedValue }) => `${dataset.label}: ${formattedValue}${chart.unit ? ` ${chart.unit}` : ""}`,
        },
      },
    },
  };
}

// Words of a label that is long, in lines: Chart.js would cut it off.
function wrapped(label) {
  const lines = [""];
  for (const word of label.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (longer.length > 22 && lines[lines.length - 1]) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}

function draw() {
  while (charts.length) charts.pop().destroy();
  Chart.defaults.color = colour("--body-quiet-color");
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.locale = document.documentElement.lang || undefined;
  for (const chart of JSON.parse(data.textContent)) {
    const frame = document.querySelector(`[data-chart="${chart.id}"]`);
    if (!frame) continue;
    frame.hidden = false;
    charts.push(
      new Chart(frame.firstElementChild, {
        type: chart.kind === "lines" ? "line" : "bar",
        data: { labels: chart.kind === "across" ? chart.labels.map(wrapped) : chart.labels, datasets: chart.series.map((one) => series(one, chart.kind)) },
        options: options(chart),
      }),
    );
  }
}

if (data && window.Chart) {
  draw();
  // The admin's switch of light and dark, and the system's.
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
