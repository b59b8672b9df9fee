/** What threads brought and cost of late, all in milliseconds: whether a wait for one of them means that the machine is busy. */

/** What may be set off against a wait: the most that is lost when a machine gets busy. */
const MOST_SAVED = 2;
/** Times that being alone is doubled at most, when each try to share loses again. */
const MOST_DOUBLINGS = 4;

export class Account {
  private saved = 0;
  /** In a row, without much that was saved between them. */
  private losses = 0;

  /**
   * Sets what workers did in a job, so many calls that took so long each, off against the wait for them. For how long nothing
   * should be shared: 0 while threads saved more than they lost, else `alone` times the loss, twice that for each loss after
   * a loss.
   */
  settle(calls: number, call: number, waited: number, alone: number): number {
    this.saved = Math.min(MOST_SAVED, this.saved + calls * call - waited);
    if (this.saved === MOST_SAVED) this.losses = 0;
    if (this.saved >= 0) return 0;
    const loss = -this.saved;
    const doublings = this.losses;
    this.saved = 0;
    this.losses = Math.min(MOST_DOUBLINGS, this.losses + 1);
    return alone * loss * 2 ** doublings;
  }
}
