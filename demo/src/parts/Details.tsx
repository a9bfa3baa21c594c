/** What only helps whoever looks after the app: there for those who ask. */
export function Details({ children }: { readonly children: string | undefined }) {
  if (children === undefined || children === '') return null
  return (
    <details className="mt-1 text-xs text-ink-2" data-testid="details">
      <summary className="w-fit cursor-pointer rounded hover:text-ink">Details</summary>
      <p className="mt-1 font-mono break-words">{children}</p>
    </details>
  )
}
