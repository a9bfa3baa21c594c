import clsx from 'clsx'
import { Details } from '../parts/Details.tsx'
import { Remedy } from './Remedy.tsx'
import type { Trouble } from './troubles.ts'

const tones: Readonly<Record<Trouble['tone'], string>> = { calm: 'bg-lane', warn: 'bg-warn-soft', bad: 'bg-bad-soft' }

/** A trouble, where there is room for all that is to say about it. */
export function Told({ trouble }: { readonly trouble: Trouble }) {
  return (
    <div
      className={clsx('mt-3 rounded-xl p-3 text-[13px]', tones[trouble.tone])}
      data-testid="told"
      data-trouble={trouble.name}
    >
      <p>
        <strong className="font-semibold">{trouble.title}.</strong> {trouble.text}
      </p>
      <Details>{trouble.details}</Details>
      <div className="mt-2 flex">
        <Remedy trouble={trouble} />
      </div>
    </div>
  )
}
