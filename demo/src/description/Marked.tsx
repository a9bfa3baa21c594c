import type { Part } from './decisions.ts'

/** A text in which what is new is marked. */
export function Marked({ parts }: { readonly parts: readonly Part[] }) {
  return parts.map(({ text, isNew }, i) =>
    isNew ? (
      <mark key={i} className="rounded-sm bg-warn-soft text-ink">
        {text}
      </mark>
    ) : (
      text
    ),
  )
}
