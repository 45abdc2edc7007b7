// With LANG=C, WebKitGTK reports the language "C", which `Intl` refuses: any use of it would throw.

/** The language if `Intl` accepts it, otherwise English. */
export function usableLanguage(language: string | undefined): string {
  try {
    if (language && Intl.NumberFormat.supportedLocalesOf(language).length > 0) return language
  } catch {
    // not a language tag
  }
  return 'en-US'
}

if (typeof navigator !== 'undefined') {
  const language = usableLanguage(navigator.language)
  if (language !== navigator.language) {
    Object.defineProperty(navigator, 'language', { value: language, configurable: true })
    Object.defineProperty(navigator, 'languages', { value: [language], configurable: true })
  }
}
