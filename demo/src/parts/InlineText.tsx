import clsx from 'clsx'
import { useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react'

export interface InlineTextProps {
  readonly label: string
  readonly initial?: string
  readonly placeholder?: string
  readonly className?: string
  /** Gets the text, without space around it and never empty. */
  readonly onSave: (text: string) => void
  /** Called when nothing is to be saved: Escape, or an empty or unchanged text. `byKey` says whether a key did it. */
  readonly onCancel: (byKey: boolean) => void
  /** Stay open and empty after Enter, for the next one. */
  readonly repeat?: boolean
}

/** A field in the place of a text: Enter and leaving it save, Escape does not. Grows with its content. */
export function InlineText({ label, initial = '', placeholder, className, onSave, onCancel, repeat }: InlineTextProps) {
  const [value, setValue] = useState(initial)
  const field = useRef<HTMLTextAreaElement>(null)
  const settled = useRef(false)

  useLayoutEffect(() => {
    field.current?.focus()
    field.current?.select()
  }, [])

  useLayoutEffect(() => {
    const element = field.current
    if (element === null) return
    element.style.height = 'auto'
    element.style.height = `${element.scrollHeight}px`
  }, [value])

  function finish(byKey: boolean): void {
    if (settled.current) return
    const text = value.replace(/\s+/g, ' ').trim()
    const isNews = text !== '' && text !== initial
    if (isNews) onSave(text)
    if (isNews && repeat && byKey) {
      setValue('')
      return
    }
    settled.current = true
    if (!isNews || repeat) onCancel(byKey)
  }

  function onKeyDown(event: KeyboardEvent): void {
    event.stopPropagation()
    // Enter also ends the composition of a character; that one is not for us.
    if (event.nativeEvent.isComposing) return
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      finish(true)
    } else if (event.key === 'Escape') {
      event.preventDefault()
      settled.current = true
      onCancel(true)
    }
  }

  return (
    <textarea
      ref={field}
      rows={1}
      aria-label={label}
      value={value}
      placeholder={placeholder}
      maxLength={500}
      autoComplete="off"
      onChange={(event) => setValue(event.target.value)}
      onKeyDown={onKeyDown}
      onBlur={() => finish(false)}
      className={clsx(
        'block w-full resize-none overflow-hidden bg-transparent outline-none placeholder:text-ink-3',
        className,
      )}
    />
  )
}
