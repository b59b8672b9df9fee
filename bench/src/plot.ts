/** The results as a picture: a row for each workload, a dot for each system, by its time as a multiple of the best web peer's. */
import { bestPeer, type Result } from './result.ts';
import { workloads } from './workloads.ts';

const colours: Record<string, string> = {
  'sconce-wasm': '#d9480f',
  'sconce-wasm-eager': '#f59f00',
  'sconce-libtorch': '#7048e8',
  'sconce-libtorch-native': '#b197fc',
  'onnxruntime-web': '#1971c2',
  'tfjs-wasm': '#0ca678',
  'jax-js-wasm': '#c2255c',
  'onnxruntime-node': '#74c0fc',
  pytorch: '#868e96',
  'pytorch-script': '#ced4da',
};

const ROW = 22;
const LEFT = 250;
const WIDTH = 420;
const [LEAST, MOST] = [0.04, 25];
const ticks = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20];

const xOf = (ratio: number): number => {
  const inside = Math.min(MOST, Math.max(LEAST, ratio));
  return LEFT + (WIDTH * Math.log(inside / LEAST)) / Math.log(MOST / LEAST);
};
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function panel(results: readonly Result[], threads: number, top: number): { svg: string; height: number } {
  const rows = [...new Set(results.map((r) => r.workload))].filter((name) =>
    results.some(
      (r) => r.workload === name && r.threads === threads && r.role === 'ours' && r.median_ms !== null,
    ),
  );
  const bottom = top + 26 + rows.length * ROW;
  const parts = [
    `<text x="12" y="${top + 12}" font-weight="600">${threads === 1 ? '1 thread' : `${threads} threads`}</text>`,
    ...ticks.map(
      (t) =>
        `<line x1="${xOf(t)}" x2="${xOf(t)}" y1="${top + 18}" y2="${bottom}" stroke="${t === 1 ? '#495057' : '#dee2e6'}"/>` +
        `<text x="${xOf(t)}" y="${top + 12}" text-anchor="middle" fill="#495057">${t}×</text>`,
    ),
  ];
  rows.forEach((name, i) => {
    const all = results.filter((r) => r.workload === name);
    const base = bestPeer(all, threads, 'median_ms')?.median_ms;
    const y = top + 18 + i * ROW + ROW / 2;
    parts.push(
      `<text x="${LEFT - 10}" y="${y + 4}" text-anchor="end">${escaped(workloads[name].title)}</text>`,
    );
    if (!base) return;
    // Ours last, on top.
    for (const r of all.filter((r) => r.threads === threads).toReversed()) {
      if (r.median_ms === null) continue;
      const ratio = r.median_ms / base;
      parts.push(
        `<circle cx="${xOf(ratio).toFixed(1)}" cy="${y}" r="${r.role === 'ours' ? 6 : 4.5}" fill="${colours[r.system] ?? '#000'}"><title>${escaped(`${r.system}: ${r.median_ms} ms, ${ratio.toFixed(2)}×`)}</title></circle>`,
      );
    }
  });
  return { svg: parts.join('\n'), height: bottom - top };
}

export function plot(results: readonly Result[]): string {
  const seen = Object.keys(colours).filter((name) => results.some((r) => r.system === name));
  const legend = seen.map((name, i) => {
    const [x, y] = [20 + (i % 5) * 152, 16 + Math.floor(i / 5) * 18];
    return `<circle cx="${x}" cy="${y}" r="5" fill="${colours[name]}"/><text x="${x + 10}" y="${y + 4}">${name}</text>`;
  });
  let top = 54;
  const panels: string[] = [];
  for (const threads of [...new Set(results.map((r) => r.threads))].sort()) {
    const { svg, height } = panel(results, threads, top);
    panels.push(svg);
    top += height + 20;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${LEFT + WIDTH + 90}" height="${top}" font-family="system-ui, sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${legend.join('\n')}
${panels.join('\n')}
</svg>
`;
}
