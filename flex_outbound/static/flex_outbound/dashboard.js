// Draws the dashboard's charts from the figures in the page. Without it, or without Chart.js, the tables say the same.
const data = document.getElementById("flex-figures");
const charts = [];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Lines and bars are told apart without their colours, too: on paper, and by those who see few colours.
const shapes = {
  over: { dash: [], point: "circle", stripes: 0 },
  good: { dash: [8, 4], point: "triangle", stripes: 1 },
  bad: { dash: [2, 3], point: "rectRot", stripes: -1 },
  wait: { dash: [10, 3, 2, 3], point: "rect", stripes: 0 },
};

// Stripes that rise or fall, in the tone, on the ground of the page.
function striped(tone, direction) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const ink = tile.getContext("2d");
  ink.fillStyle = colour("--body-bg");
  ink.fillRect(0, 0, 8, 8);
  ink.strokeStyle = tone;
  ink.lineWidth = 3;
  for (const shift of [-8, 0, 8]) {
    ink.moveTo(shift, direction > 0 ? 8 : 0);
    ink.lineTo(shift + 8, direction > 0 ? 0 : 8);
  }
  ink.stroke();
  return ink.createPattern(tile, "repeat");
}

function series(one, kind, alone) {
  const tone = colour(`--flex-${one.tone}`);
  const line = kind === "lines";
  const { dash, point, stripes } = shapes[one.tone];
  return {
    label: one.label,
    data: one.values,
    borderColor: tone,
    backgroundColor: line || alone || !stripes ? tone : striped(tone, stripes),
    borderDash: line ? dash : [],
    pointStyle: point,
    borderWidth: line ? 2 : 1,
    borderRadius: 2,
    maxBarThickness: 28,
    pointRadius: line && one.values.length > 31 ? 0 : 4,
    pointHitRadius: 8,
    spanGaps: true,
  };
}

function legend(kind) {
  // As long as a line, so that its dashes show.
  return kind === "lines" ? { usePointStyle: false, boxWidth: 36, boxHeight: 0 } : { boxWidth: 16, boxHeight: 12 };
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
      legend: { display: chart.series.length > 1, position: "bottom", labels: legend(chart.kind) },
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
        data: { labels: chart.kind === "across" ? chart.labels.map(wrapped) : chart.labels, datasets: chart.series.map((one) => series(one, chart.kind, chart.series.length === 1)) },
        options: options(chart),
      }),
    );
  }
}

// On paper: light colours, the width of the paper, and the figures, which are folded on the screen.
const folded = [];

function toPaper() {
  document.documentElement.classList.add("flex-paper");
  for (const one of document.querySelectorAll(".flex-chart details:not([open])")) {
    one.open = true;
    folded.push(one);
  }
  if (data && window.Chart) draw();
}

function toScreen() {
  document.documentElement.classList.remove("flex-paper");
  while (folded.length) folded.pop().open = false;
  if (data && window.Chart) draw();
}

addEventListener("beforeprint", toPaper);
addEventListener("afterprint", toScreen);

if (data && window.Chart) {
  draw();
  // The admin's switch of light and dark, and the system's.
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}
