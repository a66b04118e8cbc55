// SPDX-License-Identifier: LGPL-3.0-or-later
// Tables: real ones, sortable by their headings, drawn up to a cap that is said aloud. On a narrow screen each row folds into a card
// (the style sheet's doing), so roles are spelled out: a changed `display` would take them away.

import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { count } from "../format.ts";

export interface Column<T> {
  readonly key: string;
  readonly title: string;
  readonly render: (row: T) => ComponentChildren;
  readonly sort?: (row: T) => number | string;
  readonly isNumber?: boolean;
  /** Two numbers: has a line of its own on a card. */
  readonly isPair?: boolean;
  /** The cell that names the row. */
  readonly isHead?: boolean;
  /** Holds text of any length, which is cut where the column ends; the width is a share of the table. */
  readonly width?: "wide" | "middle";
  /** Left out of cards on narrow screens. */
  readonly isExtra?: boolean;
}

interface Props<T> {
  readonly caption: string;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly T[];
  readonly rowKey: (row: T) => string;
  readonly isSelected?: (row: T) => boolean;
  /** "name" or "-name": the key of a column, descending with a minus. */
  readonly sort?: string | undefined;
  readonly onSort?: (sort: string | undefined) => void;
  /** Rows that are drawn at first, and more of them each time that is asked for. */
  readonly cap?: number;
  readonly empty: ComponentChildren;
}

const CAP = 200;

export function sortRows<T>(rows: readonly T[], columns: readonly Column<T>[], sort: string | undefined): readonly T[] {
  const isDown = sort?.startsWith("-") === true;
  const by = columns.find((column) => column.key === (isDown ? sort?.slice(1) : sort))?.sort;
  if (by === undefined) return rows;
  const keyed = rows.map((row) => ({ row, key: by(row) }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) * (isDown ? -1 : 1));
  return keyed.map((entry) => entry.row);
}

/** The sort that follows when a heading is pressed: up, down, as listed. */
export function nextSort(sort: string | undefined, key: string): string | undefined {
  if (sort === key) return `-${key}`;
  return sort === `-${key}` ? undefined : key;
}

export function Table<T>({ caption, columns, rows, rowKey, isSelected, sort, onSort, cap = CAP, empty }: Props<T>): JSX.Element {
  const shown = useSignal(cap);
  if (rows.length === 0) return <div class="empty">{empty}</div>;
  const sorted = sortRows(rows, columns, sort);
  const visible = sorted.slice(0, shown.value);
  return (
    <div class="table-wrap">
      <table role="table">
        <caption class="unseen">{caption}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => {
              const direction = sort === column.key ? "ascending" : sort === `-${column.key}` ? "descending" : "none";
              const isSortable = column.sort !== undefined && onSort !== undefined;
              return (
                <th
                  role="columnheader"
                  scope="col"
                  class={`${column.isNumber === true ? "number" : ""}${column.isExtra === true ? " extra" : ""}`}
                  aria-sort={isSortable ? direction : undefined}
                >
                  {isSortable ? (
                    <button type="button" class="sort" onClick={() => onSort(nextSort(sort, column.key))}>
                      {column.title}
                      <span aria-hidden="true" class="arrow">
                        {direction === "ascending" ? "▲" : direction === "descending" ? "▼" : ""}
                      </span>
                    </button>
                  ) : (
                    column.title
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {visible.map((row) => (
            <tr role="row" key={rowKey(row)} class={isSelected?.(row) === true ? "selected" : undefined}>
              {columns.map((column) => {
                const style = [
                  column.isNumber === true && "number",
                  column.isPair === true && "whole-line",
                  column.isHead === true && "row-head",
                  column.isExtra === true && "extra",
                  column.width,
                ]
                  .filter(Boolean)
                  .join(" ");
                return column.isHead === true ? (
                  <th role="rowheader" scope="row" class={style}>
                    {column.render(row)}
                  </th>
                ) : (
                  <td role="cell" class={style} data-title={column.title}>
                    {column.render(row)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > visible.length && (
        <p class="more">
          Showing {count(visible.length)} of {count(sorted.length)}.{" "}
          <button type="button" class="quiet" onClick={() => (shown.value += cap)}>
            Show {count(Math.min(cap, sorted.length - visible.length))} more
          </button>
        </p>
      )}
    </div>
  );
}
