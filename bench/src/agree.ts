/** Whether two systems computed the same thing: a fast wrong answer is an error, not a result. */
import type { Session } from './sessions.ts';

/** Of the largest of the numbers compared: exp and erf are approximated differently, Winograd rounds differently. */
const TOLERANCE = 5e-4;

/** The judges: the first of them that ran says what is right. */
const judges = ['pytorch', 'onnxruntime-node', 'onnxruntime-web', 'sconce-libtorch'];

/** What is wrong with a session's numbers, in one line. */
export function disagreement(session: Session, sessions: readonly Session[]): string | undefined {
  const judge = judges
    .map((name) => sessions.find((s) => s.system.name === name && s.check && !s.error))
    .find((s) => s !== undefined);
  if (!judge?.check || !session.check) return undefined;
  const [right, got] = [judge.check, session.check];
  const largest = Math.max(...right.map(Math.abs));
  const at = right.findIndex((x, i) => !(Math.abs(x - got[i]) <= TOLERANCE * largest));
  return at < 0 ? undefined : `computed ${got[at]} where ${judge.system.name} computed ${right[at]}`;
}
