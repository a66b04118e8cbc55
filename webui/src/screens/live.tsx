// SPDX-License-Identifier: LGPL-3.0-or-later
// The system channels as they happen. Only the rows in sight are on the page: every row has the same height, which the style sheet sets.
//
// The view follows the newest record until one scrolls up, selects a record or pauses. While it does not follow, it stays on what
// is being read, even when old records fall out of the ring above it.

import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { jsonLine, LEVELS, levelOf, RECORD_STREAMS, subjectOf, summaryOf, type EventItem, type Level, type LiveItem } from "../events.ts";
import { passes, words, type LiveFilter } from "../filter.ts";
import { clock, count, dateTime, plural } from "../format.ts";
import { connection, ring, RING_CAPACITY, ringVersion } from "../live.ts";
import { plainName } from "../names.ts";
import { IconClose, IconDown, IconDownload, IconPause, IconPlay } from "../parts/icons.tsx";
import { Lines, Name } from "../parts/name.tsx";
import { Search } from "../parts/search.tsx";
import { Shape, type Tone } from "../parts/state.tsx";
import { route, setQuery } from "../router.ts";

interface Row {
  readonly position: number;
  readonly item: LiveItem;
}

const STREAM_TITLES: Readonly<Record<string, string>> = { logs: "Logs", errors: "Errors", system: "System", links: "Links" };
const LEVEL_TONES: Readonly<Record<Level, Tone>> = { debug: "ring", info: "dot", warning: "warn", error: "bad" };
const OVERSCAN = 10;

function rowsOf(filter: LiveFilter, until: number): readonly Row[] {
  const rows: Row[] = [];
  for (let position = ring.first; position < Math.min(until, ring.end); position += 1) {
    const item = ring.at(position);
    if (item !== undefined && passes(item, filter)) rows.push({ position, item });
  }
  return rows;
}

function levelParameter(text: string | undefined): Level {
  return LEVELS.find((level) => level === text) ?? "info";
}

function holeText(item: LiveItem): string {
  switch (item.kind) {
    case "gap":
      return item.why === "slow"
        ? `${plural(item.count, "record")} left out: this page read too slowly (${item.from} to ${item.to})`
        : `${plural(item.count, "record")} did not arrive (${item.from} to ${item.to})`;
    case "break":
      return item.why === "restarted"
        ? "The hub was restarted: what is above comes from its former run"
        : "Some records are missing here: the hub no longer held them when the connection came back";
    case "event":
      return "";
  }
}

export function LiveScreen(): JSX.Element {
  const query = route.value.query;
  const text = query.get("q") ?? "";
  const level = levelParameter(query.get("level"));
  const streamText = query.get("streams");
  const chosen = query.get("record");

  /** Position before which the view is frozen. */
  const pausedAt = useSignal<number | undefined>(undefined);
  const isFollowing = useSignal(true);
  const scrollTop = useSignal(0);
  const height = useSignal(600);
  const rowHeight = useSignal(26);
  const box = useRef<HTMLDivElement>(null);
  const isRevealed = useRef(chosen === undefined);
  const former = useRef<{ first: number; rows: readonly Row[] } | undefined>(undefined);

  const filter = useMemo<LiveFilter>(
    () => ({
      streams: new Set<string>(streamText === undefined ? RECORD_STREAMS : streamText.split(",")),
      level,
      words: words(text),
    }),
    [streamText, level, text],
  );
  const version = ringVersion.value;
  const until = pausedAt.value;
  const rows = useMemo(() => rowsOf(filter, until ?? Number.POSITIVE_INFINITY), [filter, version, until]);
  const waitingCount = until === undefined ? 0 : ring.end - Math.max(until, ring.first);

  const first = Math.max(0, Math.floor(scrollTop.value / rowHeight.value) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((scrollTop.value + height.value) / rowHeight.value) + OVERSCAN);
  const selectedIndex = chosen === undefined ? -1 : rows.findIndex((row) => row.item.kind === "event" && String(row.item.id) === chosen);
  const selected = selectedIndex < 0 ? undefined : (rows[selectedIndex]?.item as EventItem | undefined);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const measure = (): void => {
      height.value = element.clientHeight;
      const set = Number.parseFloat(getComputedStyle(element).getPropertyValue("--row"));
      if (set > 0) rowHeight.value = set;
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);

  // After the rows changed: stay at the end, or stay on what was being read.
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    if (isFollowing.value && until === undefined) {
      element.scrollTop = element.scrollHeight;
    } else if (former.current !== undefined && former.current.rows !== rows) {
      const wasTop = former.current.rows[Math.floor(element.scrollTop / rowHeight.value)];
      if (wasTop !== undefined && rows.length > 0) {
        const index = rows.findIndex((row) => row.position >= wasTop.position);
        if (index >= 0) element.scrollTop = index * rowHeight.value + (element.scrollTop % rowHeight.value);
      }
    }
    former.current = { first: ring.first, rows };
    scrollTop.value = element.scrollTop;
  }, [rows, isFollowing.value, height.value, rowHeight.value]);

  // A record that the address names is shown once, when it is there.
  useLayoutEffect(() => {
    if (isRevealed.current || selectedIndex < 0) return;
    isRevealed.current = true;
    isFollowing.value = false;
    reveal(selectedIndex);
  }, [selectedIndex]);

  const onScroll = (): void => {
    const element = box.current;
    if (element === null) return;
    scrollTop.value = element.scrollTop;
    isFollowing.value = element.scrollHeight - element.scrollTop - element.clientHeight < rowHeight.value;
  };

  const select = (index: number): void => {
    // Holes have no number to be selected by: step over them.
    const item = rows[index]?.item;
    if (item?.kind !== "event") return;
    setQuery({ record: String(item.id) });
    isFollowing.value = false;
    reveal(index);
  };

  const reveal = (index: number): void => {
    const element = box.current;
    if (element === null) return;
    const top = index * rowHeight.value;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight.value > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight.value - element.clientHeight;
    }
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(height.value / rowHeight.value) - 1);
    const from = selectedIndex < 0 ? Math.floor(scrollTop.value / rowHeight.value) - 1 : selectedIndex;
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: from + 1,
      ArrowUp: from - 1,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      End: rows.length - 1,
    };
    if (event.key === "Escape" && chosen !== undefined) {
      event.preventDefault();
      setQuery({ record: undefined });
      return;
    }
    let to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const step = to >= from ? 1 : -1;
    to = Math.min(rows.length - 1, Math.max(0, to));
    while (rows[to] !== undefined && rows[to]?.item.kind !== "event") to += step;
    select(to);
  };

  const toggleStream = (name: string): void => {
    const streams = new Set(filter.streams);
    if (!streams.delete(name)) streams.add(name);
    const isAll = RECORD_STREAMS.every((stream) => streams.has(stream));
    setQuery({ streams: isAll ? undefined : [...streams].join(",") || "none" });
  };

  const download = (): void => {
    const url = URL.createObjectURL(new Blob([rows.map((row) => `${jsonLine(row.item)}\n`).join("")], { type: "application/jsonl" }));
    const anchor = document.createElement("a");
    anchor.href = url;
    anchor.download = `commhub-${new Date().toISOString().replace(/[:.]/g, "-")}.jsonl`;
    anchor.click();
    window.setTimeout(() => URL.revokeObjectURL(url), 10_000);
  };

  const toggleReading = (): void => {
    if (until === undefined) pausedAt.value = ring.end;
    else {
      pausedAt.value = undefined;
      isFollowing.value = true;
    }
  };

  return (
    <>
      <div class="head">
        <h1>Live</h1>
        <p class="tally">
          {rows.length === ring.length ? plural(rows.length, "record") : `${count(rows.length)} of ${plural(ring.length, "record")}`}
          {ring.first > 0 && `, the newest ${count(RING_CAPACITY)} are kept`}
        </p>
        <Search label="Filter by words, -word to leave out" />
      </div>
      <div class="tools">
        <div class="choices" role="group" aria-label="Streams">
          {RECORD_STREAMS.map((name) => (
            <button type="button" class="choice" aria-pressed={filter.streams.has(name)} onClick={() => toggleStream(name)}>
              {STREAM_TITLES[name]}
            </button>
          ))}
        </div>
        <label class="select">
          <span>From level</span>
          <select value={level} onChange={(event) => setQuery({ level: event.currentTarget.value === "info" ? undefined : event.currentTarget.value })}>
            {LEVELS.map((one) => (
              <option value={one} selected={one === level}>
                {one}
              </option>
            ))}
          </select>
        </label>
        <span class="stretch" />
        <button type="button" class="quiet" onClick={toggleReading}>
          {until === undefined ? <IconPause /> : <IconPlay />}
          {until === undefined ? "Pause" : `Resume${waitingCount > 0 ? `, ${count(waitingCount)} new` : ""}`}
        </button>
        <button type="button" class="quiet" onClick={download} disabled={rows.length === 0} title="The records that match, as JSON lines">
          <IconDownload /> Download
        </button>
      </div>
      <StreamVoice />
      <div class={selected === undefined ? "stream" : "stream open"}>
        <div class="stream-box">
          <div
            ref={box}
            class="rows"
            role="listbox"
            aria-label="Records"
            tabIndex={0}
            aria-activedescendant={selected === undefined || selectedIndex < first || selectedIndex >= last ? undefined : `record-${selected.id}`}
            onScroll={onScroll}
            onKeyDown={onKeyDown}
          >
            {rows.length === 0 ? (
              <p class="empty" role="option" aria-selected="false">
                {until !== undefined
                  ? "Paused: none of the records before that match these filters."
                  : ring.length > 0
                  ? "No record matches these filters."
                  : connection.value.state === "up"
                    ? "Nothing has happened yet. Records appear here as they do."
                    : "No live connection."}
              </p>
            ) : (
              <>
                <Spacer rows={first} height={rowHeight.value} />
                {rows.slice(first, last).map((row, i) => (
                  <RowView
                    key={row.position}
                    row={row}
                    index={first + i}
                    total={rows.length}
                    isSelected={row.item.kind === "event" && String(row.item.id) === chosen}
                    onSelect={() => select(first + i)}
                  />
                ))}
                <Spacer rows={rows.length - last} height={rowHeight.value} />
              </>
            )}
          </div>
          {!isFollowing.value && until === undefined && rows.length > 0 && (
            <button type="button" class="newest" onClick={() => (isFollowing.value = true)}>
              <IconDown /> Newest
            </button>
          )}
        </div>
        {selected !== undefined && <RecordDetail item={selected} />}
      </div>
    </>
  );
}

function Spacer({ rows, height }: { readonly rows: number; readonly height: number }): JSX.Element | null {
  return rows <= 0 ? null : <div role="presentation" style={{ height: `${rows * height}px` }} />;
}

interface RowProps {
  readonly row: Row;
  readonly index: number;
  readonly total: number;
  readonly isSelected: boolean;
  readonly onSelect: () => void;
}

function RowView({ row, index, total, isSelected, onSelect }: RowProps): JSX.Element {
  const { item } = row;
  const place = { "aria-setsize": total, "aria-posinset": index + 1 };
  if (item.kind !== "event") {
    return (
      <div class="row hole" role="option" aria-selected="false" {...place}>
        <Shape tone="warn" /> <span>{holeText(item)}</span>
      </div>
    );
  }
  const level = levelOf(item);
  return (
    <div
      id={`record-${item.id}`}
      class={`row ${level}`}
      role="option"
      aria-selected={isSelected}
      onClick={onSelect}
      {...place}
    >
      <time title={dateTime(item.time)}>{clock(item.time)}</time>
      <span class={`level ${LEVEL_TONES[level]}`}>
        <Shape tone={LEVEL_TONES[level]} />
        {level}
      </span>
      <span class="stream-name">{plainName(item.stream)}</span>
      <span class="message">
        <Name value={summaryOf(item)} prose />
      </span>
      <span class="subject">{subjectOf(item) !== "" && <Name value={subjectOf(item)} />}</span>
    </div>
  );
}

function RecordDetail({ item }: { readonly item: EventItem }): JSX.Element {
  return (
    <aside class="detail" aria-label="Record">
      <header>
        <h2>Record {item.id}</h2>
        <button type="button" class="plain" aria-label="Close" onClick={() => setQuery({ record: undefined })}>
          <IconClose />
        </button>
      </header>
      <p class="record-text">
        <Name value={summaryOf(item)} prose whole />
      </p>
      <dl class="ledger">
        <div>
          <dt>Time</dt>
          <dd>
            {dateTime(item.time)}
            {clock(item.time).slice(8)}
          </dd>
        </div>
        <div>
          <dt>Stream</dt>
          <dd>
            <Name value={item.stream} />
          </dd>
        </div>
        <div>
          <dt>Type</dt>
          <dd>
            <Name value={item.type} />
          </dd>
        </div>
      </dl>
      <pre tabIndex={0}>
        <Lines text={JSON.stringify(item.data, null, 2)} />
      </pre>
    </aside>
  );
}

const VOICE_MS = 10_000;

/** Tells a screen reader that there is news, not what each of a thousand lines says. */
function StreamVoice(): JSX.Element {
  const said = useSignal("");
  useEffect(() => {
    let end = ring.end;
    const timer = window.setInterval(() => {
      const fresh = ring.end - end;
      let errors = 0;
      for (let position = Math.max(end, ring.first); position < ring.end; position += 1) {
        const item = ring.at(position);
        if (item?.kind === "event" && levelOf(item) === "error") errors += 1;
      }
      end = ring.end;
      if (fresh > 0) said.value = `${plural(fresh, "new record")}${errors > 0 ? `, ${plural(errors, "error")}` : ""}`;
    }, VOICE_MS);
    return () => window.clearInterval(timer);
  }, []);
  return (
    <span class="unseen" role="status">
      {said.value}
    </span>
  );
}
