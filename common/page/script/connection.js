// The way to the node that serves the page, and to no other: /events as a stream, /cluster each second; /status too while
// there is no stream (a node has room for so many readers of it).
// Both are tried again for as long as the page is open; nothing is asked while the last answer is still awaited.

const ASK_MS = 1000;
const PATIENCE_MS = 4000;

class Connection {
  // `told`: {cluster(json), status(json), log(json)}
  constructor(told) {
    this.told = told;
    this.openedAt = Date.now();
    this.lastAnswerAt = 0;
    this.lastStatusAt = this.openedAt;  // by the stream
    this.listen();
    this.ask();
  }

  listen() {
    this.stream = new EventSource('events');
    this.stream.addEventListener('log', message => this.hear(message, this.told.log));
    this.stream.addEventListener('status', message => {
      this.lastStatusAt = Date.now();
      this.hear(message, this.told.status);
    });
    this.stream.addEventListener('error', () => {
      // It connects anew by itself; but an answer that is no stream (503 of a node that starts) closes it for good.
      if (this.stream.readyState !== EventSource.CLOSED) return;
      setTimeout(() => this.listen(), 2 * ASK_MS);
    });
  }

  hear(message, told) {
    const content = parsed(message.data);
    if (!content) return;
    this.lastAnswerAt = Date.now();
    told(content);
  }

  async ask() {
    const askedAt = Date.now();
    try {
      if (askedAt - this.lastStatusAt > PATIENCE_MS) await this.fetchInto('status', this.told.status);
      await this.fetchInto('cluster', this.told.cluster);
    } catch { /* said by secondsLost(); tried again below */ }
    setTimeout(() => this.ask(), Math.max(100, ASK_MS - (Date.now() - askedAt)));
  }

  async fetchInto(path, told) {
    const answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS), cache: 'no-store' });
    if (!answer.ok) return;
    const content = await answer.json();
    this.lastAnswerAt = Date.now();
    told(content);
  }

  // How long nothing has been heard; 0: all is well.
  secondsLost(now) {
    const silent = now - (this.lastAnswerAt || this.openedAt);
    return silent > PATIENCE_MS ? silent / 1000 : 0;
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
