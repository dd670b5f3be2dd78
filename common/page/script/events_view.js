// The list of log events: newest first, filtered by level and text; each opens to its fields and what to do.

const MOST_EVENTS = 500;
const EVENT_LEVELS = { debug: 0, info: 1, warning: 2, error: 3 };
const EVENT_MARKS = { warning: 'warn', error: 'bad' };
const EVENT_WORDS = ['time', 'level', 'event', 'message'];

class EventsView {
  constructor() {
    this.list = byId('event-list');
    this.seen = new Set();
    this.waiting = [];  // while the view is paused
    this.level = 'info';
    this.text = '';
  }

  // A reconnected stream replays what it had: what is here already is passed over.
  add(event, isPaused) {
    const key = JSON.stringify(event);
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.waiting.push({ event, key });
    if (this.waiting.length > MOST_EVENTS) this.seen.delete(this.waiting.shift().key);
    if (!isPaused) this.show();
  }

  show() {
    for (const { event, key } of this.waiting.splice(0)) {
      const item = eventItem(event);
      item.dataset.key = key;
      item.hidden = !this.wants(item);
      this.list.prepend(item);
    }
    while (this.list.children.length > MOST_EVENTS) {
      this.seen.delete(this.list.lastElementChild.dataset.key);
      this.list.lastElementChild.remove();
    }
    this.count();
  }

  filter(level, text) {
    this.level = level;
    this.text = text.toLowerCase();
    for (const item of this.list.children) item.hidden = !this.wants(item);
    this.count();
  }

  wants(item) {
    return Number(item.dataset.weight) >= EVENT_LEVELS[this.level]
      && (this.text === '' || item.dataset.key.toLowerCase().includes(this.text));
  }

  count() {
    const all = this.list.children.length;
    const shown = [...this.list.children].filter(item => !item.hidden).length;
    setText(byId('events-of'), shown === all ? '' : `${shown} of ${all}`);
    byId('no-events').hidden = shown > 0;
    setText(byId('no-events'), all ? 'None of the events is like that.' : 'No events yet.');
  }
}

function eventItem(event) {
  const item = make('li', 'event');
  item.dataset.weight = EVENT_LEVELS[event.level] ?? 1;
  const details = make('details');
  const summary = make('summary');
  summary.dataset.level = EVENT_MARKS[event.level] ?? 'info';
  const time = make('time', '', clockText(event.time));
  time.dateTime = event.time;
  time.title = event.time;
  const text = make('span', 'text');
  if (EVENT_MARKS[event.level]) text.append(make('span', 'unseen', `${event.level}: `));
  text.append(make('code', '', event.event), event.message ?? '');
  const mark = make('span', 'mark');
  mark.setAttribute('aria-hidden', 'true');
  summary.append(time, mark, text);
  details.append(summary);
  // Made only when it is opened: most never are.
  details.addEventListener('toggle', () => details.append(eventDetails(event)), { once: true });
  item.append(details);
  return item;
}

function eventDetails(event) {
  const more = make('div', 'more');
  const known = EVENTS[event.event];
  if (known) {
    more.append(appendMarked(make('p'), `Meaning: ${known[0]}`));
    if (known[1]) more.append(appendMarked(make('p'), `**What to do:** ${known[1]}`));
  }
  const fields = make('dl');
  for (const [name, value] of Object.entries(event)) {
    if (EVENT_WORDS.includes(name)) continue;
    fields.append(make('dt', '', name), make('dd', 'code', typeof value === 'string' ? value : JSON.stringify(value)));
  }
  if (fields.children.length) more.append(fields);
  if (!more.children.length) more.append(make('p', 'soft', 'It has no further fields.'));
  return more;
}
