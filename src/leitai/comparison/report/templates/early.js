// Runs before the first paint, so that language and theme do not flicker.
(() => {
  "use strict";
  const root = document.documentElement;
  const asked = new URLSearchParams(location.hash.slice(1));
  const remembered = (key) => {
    try {
      return localStorage.getItem(`leitai.${key}`);
    } catch {
      return null; // storage can be forbidden for local files
    }
  };
  const choose = (key, allowed, otherwise) => {
    const found = asked.get(key) || remembered(key);
    return allowed.includes(found) ? found : otherwise;
  };
  const browser = (navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
  const language = choose("lang", ["en", "zh"], browser);
  root.dataset.lang = language;
  root.lang = language === "zh" ? "zh-CN" : "en";
  const theme = choose("theme", ["light", "dark"], null);
  if (theme) root.dataset.theme = theme;
  // `#print=summary` prints the first sheet alone, as the button does.
  if (asked.get("print") === "summary") root.dataset.print = "summary";
  root.classList.add("script");
})();
