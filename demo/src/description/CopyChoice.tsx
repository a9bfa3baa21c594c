import clsx from 'clsx'
import { useId } from 'react'
import { partsOf } from './decisions.ts'
import { toShown } from './description.ts'
import { Marked } from './Marked.tsx'

/** A whole version of somebody who was away for so long that it cannot be merged any more. */
export function CopyChoice({
  text,
  now,
  isKept,
  onDecide,
}: {
  readonly text: string
  /** What stands there: what differs from it is marked. */
  readonly now: string
  readonly isKept: boolean | undefined
  readonly onDecide: (isKept: boolean) => void
}) {
  const name = useId()
  return (
    <fieldset data-testid="conflict-copy" className="min-w-0 rounded-2xl bg-surface p-4 shadow-card">
      <legend className="float-left mb-3 w-full">
        <span className="font-semibold">A version from long ago</span>
        <span className="block text-[13px] text-ink-2">
          Somebody wrote it while they were away. Nobody knows any more what they began with, so it was not merged.
        </span>
      </legend>
      <p className="clear-both max-h-60 overflow-y-auto rounded-xl bg-lane p-3 whitespace-pre-wrap [overflow-wrap:anywhere]">
        <Marked parts={partsOf(toShown(now), toShown(text))} />
      </p>
      <div className="mt-2.5 flex flex-wrap gap-2">
        {[true, false].map((choice) => (
          <label
            key={String(choice)}
            className={clsx(
              'inline-flex h-8 cursor-pointer items-center rounded-lg px-3 text-[13px] font-medium',
              'has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-accent',
              isKept === choice ? 'bg-accent text-on-accent' : 'bg-lane hover:bg-hover',
            )}
          >
            <input
              type="radio"
              name={name}
              checked={isKept === choice}
              onChange={() => onDecide(choice)}
              className="sr-only"
            />
            {choice ? 'Put it at the end' : 'Leave it out'}
          </label>
        ))}
      </div>
    </fieldset>
  )
}
