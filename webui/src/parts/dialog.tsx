// SPDX-License-Identifier: LGPL-3.0-or-later
// Modal dialogs on the browser's own <dialog>: focus stays inside, Escape closes, focus goes back to where it came from.

import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { Problem } from "../api.ts";
import { IconClose } from "./icons.tsx";
import { ProblemBox } from "./problem.tsx";

interface Props {
  readonly title: ComponentChildren;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Dialog({ title, onClose, children }: Props): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    element.current?.showModal();
    element.current?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby="dialog-title"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <header>
        <h2 id="dialog-title">{title}</h2>
        <button type="button" class="plain" aria-label="Close" onClick={onClose}>
          <IconClose />
        </button>
      </header>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  readonly title: ComponentChildren;
  readonly action: string;
  readonly onAction: () => Promise<void>;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, action, onAction, onClose, children }: ConfirmProps): JSX.Element {
  const problem = useSignal<Problem | undefined>(undefined);
  const isBusy = useSignal(false);
  const act = async (): Promise<void> => {
    isBusy.value = true;
    problem.value = undefined;
    try {
      await onAction();
      onClose();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
    } finally {
      isBusy.value = false;
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="dialog-body">
        {children}
        <ProblemBox problem={problem.value} />
      </div>
      <footer>
        <button type="button" class="quiet" onClick={onClose} data-first>
          Cancel
        </button>
        <button type="button" class="danger" disabled={isBusy.value} onClick={() => void act()}>
          {action}
        </button>
      </footer>
    </Dialog>
  );
}
