// What every page does: words in the chosen language, the theme, wide tables, paper.
const page = (() => {
  "use strict";
  const root = document.documentElement;
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const words = read("words");
  const say = (key, parts = {}) =>
    words[key][root.dataset.lang].replace(/\{(\w+)\}/g, (_, name) => parts[name]);
  const remember = (key, value) => {
    try {
      localStorage.setItem(`leitai.${key}`, value);
    } catch {
      // storage can be forbidden for local files
    }
  };
  const make = (name, className, text) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  const told = []; // what else is to be written again in another language
  const setLanguage = (language) => {
    root.dataset.lang = language;
    root.lang = language === "zh" ? "zh-CN" : "en";
    for (const button of document.querySelectorAll("[data-set-lang]")) {
      button.setAttribute("aria-pressed", String(button.dataset.setLang === language));
    }
    for (const element of document.querySelectorAll("[data-placeholder]")) {
      element.placeholder = say(element.dataset.placeholder);
      element.setAttribute("aria-label", element.placeholder);
    }
    for (const element of document.querySelectorAll("[data-label]")) {
      element.setAttribute("aria-label", say(element.dataset.label));
      if (element.tagName === "BUTTON") element.title = say(element.dataset.label);
    }
    for (const tell of told) tell();
  };
  const onLanguage = (tell) => {
    told.push(tell);
    tell();
  };
  for (const button of document.querySelectorAll("[data-set-lang]")) {
    button.addEventListener("click", () => {
      remember("lang", button.dataset.setLang);
      setLanguage(button.dataset.setLang);
    });
  }

  const dark = () =>
    root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    remember("theme", root.dataset.theme);
  });
  addEventListener("hashchange", () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    if (["en", "zh"].includes(asked.get("lang"))) setLanguage(asked.get("lang"));
    if (["light", "dark"].includes(asked.get("theme"))) root.dataset.theme = asked.get("theme");
  });

  // A table wider than its place can be scrolled with the arrow keys, once it can be reached.
  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth + 1) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const wide of document.querySelectorAll(".scroll")) watch.observe(wide);

  // Paper has no folds: open everything while printing.
  let opened = [];
  addEventListener("beforeprint", () => {
    if (root.dataset.print) return;
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
    opened = [];
    delete root.dataset.print;
  });
  document.getElementById("print")?.addEventListener("click", () => {
    root.dataset.print = "summary"; // the style sheet leaves the rest out
    print();
  });

  setLanguage(root.dataset.lang);
  return { root, read, say, make, onLanguage };
})();
