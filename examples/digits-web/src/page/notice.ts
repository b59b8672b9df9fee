/** What went wrong, at the top of the page, with the ways on as buttons. */
import { byId, element } from './dom.ts';

export interface Way {
  readonly label: string;
  readonly run: () => void;
}

/** Shows a message; one with the same key takes the place of the last. Any of its buttons takes it away. */
export function notice(key: string, message: string, ways: readonly Way[] = []): void {
  clearNotice(key);
  const box = element('div', { className: 'notice' }, element('p', { textContent: message }));
  box.dataset.key = key;
  for (const { label, run } of [...ways, { label: 'Close', run: () => {} }]) {
    const button = element('button', { type: 'button', textContent: label });
    button.addEventListener('click', () => {
      box.remove();
      run();
    });
    box.append(button);
  }
  byId('notices').append(box);
}

export function clearNotice(key: string): void {
  for (const box of byId('notices').querySelectorAll<HTMLElement>('.notice'))
    if (box.dataset.key === key) box.remove();
}
