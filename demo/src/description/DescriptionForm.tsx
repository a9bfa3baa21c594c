import { useId, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react'
import { Button } from '../parts/Button.tsx'
import { MOST_CHARACTERS, toShown, toStored } from './description.ts'

/** The form that a description is written in. What others save meanwhile stays: saving brings in what was changed here, and nothing else. */
export function DescriptionForm({
  base,
  now,
  onSave,
  onCancel,
}: {
  /** The text that it began with, as it is stored. */
  readonly base: string
  /** The text that is stored now. */
  readonly now: string
  readonly onSave: (text: string) => void
  readonly onCancel: () => void
}) {
  const [text, setText] = useState(() => toShown(base))
  const [fault, setFault] = useState<string>()
  const field = useRef<HTMLTextAreaElement>(null)
  const hintId = useId()
  const hasMoved = base !== now

  useLayoutEffect(() => {
    const element = field.current
    element?.focus()
    element?.setSelectionRange(element.value.length, element.value.length)
  }, [])

  function save(): void {
    try {
      onSave(toStored(text))
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error))
    }
  }

  function onKeyDown(event: KeyboardEvent): void {
    // The keys of the board, and Escape, which would close the card.
    event.stopPropagation()
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) save()
    else if (event.key === 'Escape') onCancel()
    else return
    event.preventDefault()
  }

  return (
    <form
      className="p-2"
      onSubmit={(event) => {
        event.preventDefault()
        save()
      }}
    >
      <textarea
        ref={field}
        aria-label="Description"
        aria-describedby={hintId}
        value={text}
        rows={Math.min(12, Math.max(4, text.split('\n').length + 1))}
        maxLength={MOST_CHARACTERS}
        placeholder="What this is about, one thing on each line."
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
        className="block w-full resize-y rounded-lg bg-surface px-2.5 py-2 leading-[1.45] shadow-card outline-none placeholder:text-ink-3 focus-visible:ring-2 focus-visible:ring-accent"
      />
      {fault !== undefined && (
        <p role="alert" className="mt-2 rounded-lg bg-bad-soft px-2.5 py-1.5 text-[13px] text-bad">
          It could not be saved: {fault}
        </p>
      )}
      <div className="mt-2 flex flex-wrap items-center gap-2">
        <p id={hintId} role="status" className="min-w-32 flex-1 px-1 text-xs text-ink-2">
          {hasMoved ? 'Somebody has saved a change since you began. Saving keeps both.' : 'Ctrl + Enter saves.'}
        </p>
        <Button look="quiet" onClick={onCancel}>
          Cancel
        </Button>
        <Button type="submit" look="primary">
          Save
        </Button>
      </div>
    </form>
  )
}
