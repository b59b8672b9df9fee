/** The report as one HTML page without scripts or other files. */
import type { Report } from './report.ts';

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export function reportHtml({
  backend,
  where,
  tier,
  seconds,
  layers,
  failures,
  notApplicable,
}: Report): string {
  const rows = Object.entries(layers).map(
    ([name, c]) =>
      `<tr class="${c.failed ? 'bad' : 'good'}"><th>${escapeHtml(name)}<td>${c.passed}<td>${c.failed}<td>${c.expected}<td>${c.na}</tr>`,
  );
  const failed = failures.map(
    ({ id, message }) =>
      `<details><summary>${escapeHtml(id)}</summary><pre>${escapeHtml(message)}</pre></details>`,
  );
  const reasons = Object.entries(notApplicable).map(
    ([reason, count]) => `<li>${count}: ${escapeHtml(reason)}`,
  );
  return `<!doctype html>
<meta charset="utf-8">
<title>Conformance of ${escapeHtml(backend)}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
  table { border-collapse: collapse; }
  th, td { padding: 0.2rem 1rem; text-align: right; border-bottom: 1px solid #8884; }
  th:first-child { text-align: left; }
  tr.good th { color: #2a7; }
  tr.bad th { color: #d33; }
  pre { white-space: pre-wrap; background: #8881; padding: 0.5rem 1rem; }
</style>
<h1>${escapeHtml(backend)}</h1>
<p>${where && `${escapeHtml(where)}; `}${escapeHtml(tier)} tier, ${seconds} s</p>
<table><tr><th>layer<th>passed<th>failed<th>expected<th>n/a</tr>${rows.join('')}</table>
${failed.length > 0 ? `<h2>Failures</h2>${failed.join('\n')}` : ''}
${reasons.length > 0 ? `<h2>Not applicable</h2><ul>${reasons.join('\n')}</ul>` : ''}
`;
}
