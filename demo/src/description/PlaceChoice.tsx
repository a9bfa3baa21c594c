import clsx from 'clsx'
import { Check } from 'lucide-react'
import { useId } from 'react'
import { partsOf, textOf, type Decision, type Pick, type Place } from './decisions.ts'
import { Marked } from './Marked.tsx'

/** One place that two people have changed: what each wrote, what stood there before, and what is to stand there. */
export function PlaceChoice({
  place,
  heading,
  own,
  decision,
  onDecide,
}: {
  readonly place: Place
  readonly heading: string
  /** The side that was written in this browser, where that can be told. */
  readonly own: 'mine' | 'theirs' | undefined
  readonly decision: Decision | undefined
  readonly onDecide: (decision: Decision) => void
}) {
  const name = useId()
  const resultId = useId()
  const [first, second] = own === 'theirs' ? (['theirs', 'mine'] as const) : (['mine', 'theirs'] as const)
  const titles: Record<Pick, string> = {
    [first]: own === undefined ? 'One version' : 'What you wrote',
    [second]: own === undefined ? 'Another version' : 'What somebody else wrote',
    base: 'Before',
    both: 'Keep both',
  } as Record<Pick, string> // first and second are mine and theirs, in one order or the other
  const choose = (pick: Pick): void => onDecide({ pick, text: textOf(place, pick, first) })

  return (
    <fieldset data-testid="conflict-place" className="min-w-0 rounded-2xl bg-surface p-4 shadow-card">
      <legend className="float-left mb-3 w-full">
        <span className="font-semibold">{heading}</span>
        <span className="block truncate text-[13px] text-ink-2">
          {place.after === undefined ? 'At the beginning' : `After “${place.after}”`}
        </span>
      </legend>
      <div className="clear-both grid gap-2.5 md:grid-cols-3">
        {([first, second, 'base'] as const).map((pick) => (
          <Version
            key={pick}
            name={name}
            title={titles[pick]}
            text={place[pick]}
            base={place.base}
            isQuiet={pick === 'base'}
            isChosen={decision?.pick === pick}
            onChoose={() => choose(pick)}
          />
        ))}
      </div>
      <div className="mt-2.5 flex flex-wrap items-center gap-2">
        <label
          className={clsx(
            'inline-flex h-8 cursor-pointer items-center gap-1.5 rounded-lg px-3 text-[13px] font-medium',
            'has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-accent',
            decision?.pick === 'both' ? 'bg-accent text-on-accent' : 'bg-lane text-ink hover:bg-hover',
          )}
        >
          <input
            type="radio"
            name={name}
            checked={decision?.pick === 'both'}
            onChange={() => choose('both')}
            className="sr-only"
          />
          {decision?.pick === 'both' && <Check className="size-3.5" strokeWidth={3} aria-hidden />}
          {titles.both}
        </label>
        <span className="text-[13px] text-ink-3">or write it below</span>
      </div>
      <label htmlFor={resultId} className="mt-3 block text-[13px] font-medium">
        What will stand there
      </label>
      <textarea
        id={resultId}
        value={decision?.text ?? ''}
        rows={Math.min(8, Math.max(2, (decision?.text ?? '').split('\n').length))}
        placeholder={decision === undefined ? 'Choose a version, or write something else.' : 'Nothing: the lines go.'}
        onChange={(event) => onDecide({ pick: undefined, text: event.target.value })}
        className="mt-1.5 block w-full resize-y rounded-lg bg-lane px-2.5 py-2 outline-none placeholder:text-ink-3 focus-visible:ring-2 focus-visible:ring-accent"
      />
    </fieldset>
  )
}

function Version({
  name,
  title,
  text,
  base,
  isQuiet,
  isChosen,
  onChoose,
}: {
  readonly name: string
  readonly title: string
  readonly text: string
  /** What stood there before: what differs from it is marked. */
  readonly base: string
  readonly isQuiet: boolean
  readonly isChosen: boolean
  readonly onChoose: () => void
}) {
  return (
    <label
      className={clsx(
        'flex min-w-0 cursor-pointer flex-col rounded-xl border-[1.5px] p-3 transition-colors',
        'has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent',
        isChosen ? 'border-accent bg-accent-soft' : 'border-line hover:border-line-strong',
        isQuiet && !isChosen && 'bg-lane',
      )}
    >
      <span className="flex items-center gap-2 text-[13px] font-medium">
        <input type="radio" name={name} checked={isChosen} onChange={onChoose} className="sr-only" />
        <span
          aria-hidden
          className={clsx(
            'flex size-4 shrink-0 items-center justify-center rounded-full border-[1.5px]',
            isChosen ? 'border-accent bg-accent text-on-accent' : 'border-line-strong',
          )}
        >
          {isChosen && <Check className="size-2.5" strokeWidth={4} />}
        </span>
        {title}
      </span>
      <span className="mt-2 block max-h-48 overflow-y-auto whitespace-pre-wrap [overflow-wrap:anywhere]">
        {text === '' ? (
          <em className="text-ink-3">Nothing: these lines are gone.</em>
        ) : (
          <Marked parts={partsOf(base, text)} />
        )}
      </span>
    </label>
  )
}
