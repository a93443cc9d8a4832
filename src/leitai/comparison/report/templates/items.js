// The item browser: every item with all answers, in groups, searched and paged.
(() => {
  "use strict";
  const { root, read, say, make, onLanguage } = page;
  // A row is [id, slices, input, expected, answer A, right A, score A, answer B, ...].
  const tasks = read("items");
  const WIDTH = 4; // answer, right, score, reasoning
  const placeOf = (i) => 4 + WIDTH * i; // of the first of contender i's columns
  const PAGE = 20;
  const LONG = 420;
  const LINES = 8;
  // `filter` is the place of one of the task's groups; `own` says of every contender 1: right,
  // 0: wrong, null: either, and holds where no group is chosen.
  const state = { task: 0, filter: null, own: [], query: "", slice: "", page: 0 };
  const box = (id) => document.getElementById(`items-${id}`);

  const scoreOf = (task, row, i) => (task.higher ? 1 : -1) * row[placeOf(i) + 2];
  const ahead = (task, row, i) =>
    task.keys.every((_, j) => j === i || scoreOf(task, row, i) > scoreOf(task, row, j));
  const spread = (task, row) => {
    const scores = task.keys.map((_, i) => scoreOf(task, row, i));
    return Math.max(...scores) - Math.min(...scores);
  };
  const fits = (task, row, group) => {
    const right = task.keys.map((_, i) => row[placeOf(i) + 1]);
    const count = right.filter(Boolean).length;
    return (
      count >= group.least &&
      count <= group.most &&
      group.right.every((i) => right[i]) &&
      group.wrong.every((i) => !right[i]) &&
      (group.ahead === null || ahead(task, row, group.ahead))
    );
  };
  const places = (marks, wanted) => marks.flatMap((mark, i) => (mark === wanted ? [i] : []));
  const ownGroup = (task) => ({
    right: places(state.own, 1),
    wrong: places(state.own, 0),
    least: 0,
    most: task.keys.length,
    ahead: null,
  });
  const haystacks = new WeakMap();
  const haystack = (row) => {
    if (!haystacks.has(row)) {
      haystacks.set(row, [row[0], ...row.slice(2).filter((v) => typeof v === "string")].join("\n").toLowerCase());
    }
    return haystacks.get(row);
  };

  const fill = (element, text) => {
    const low = text.toLowerCase();
    const query = state.query;
    if (!query || low.length !== text.length) {
      element.textContent = text;
      return element;
    }
    let from = 0;
    for (let at = low.indexOf(query); at >= 0; at = low.indexOf(query, from)) {
      element.append(text.slice(from, at), make("mark", "", text.slice(at, at + query.length)));
      from = at + query.length;
    }
    element.append(text.slice(from));
    return element;
  };
  const passage = (className, text) => {
    const element = fill(make("div", `${className} passage`), text);
    element.dir = "auto";
    if (text.length <= LONG && text.split("\n").length <= LINES) return element;
    element.classList.add("clamped");
    const wrap = make("div");
    const button = make("button", "quiet", say("show_all"));
    button.type = "button";
    button.addEventListener("click", () => {
      const cut = element.classList.toggle("clamped");
      button.textContent = say(cut ? "show_all" : "show_less");
    });
    wrap.append(element, button);
    return wrap;
  };

  const card = (task, row) => {
    const item = make("li", "item");
    const question = make("div", "question");
    const head = make("div", "about");
    head.append(fill(make("span", "id"), row[0]));
    for (const label of row[1]) head.append(make("span", "chip", label));
    question.append(head, passage("input", row[2]));
    const answers = make("dl", "answers");
    if (row[3]) {
      answers.append(make("dt", "", say("expected")));
      const expected = make("dd");
      expected.append(passage("expected", row[3]));
      answers.append(expected);
    }
    for (const [i, letter] of task.keys.entries()) {
      const [answer, right, score, reasoning] = row.slice(placeOf(i), placeOf(i + 1));
      const term = make("dt");
      term.append(make("span", `sign sign-${letter.toLowerCase()}`, letter));
      const told = make("dd");
      if (right !== null) {
        const mark = make("span", right ? "mark-right" : "mark-wrong", right ? "✓" : "✕");
        mark.title = say(right ? "right" : "wrong");
        mark.setAttribute("aria-label", mark.title);
        mark.setAttribute("role", "img");
        told.append(mark);
        told.append(answer ? passage("answer", answer) : make("div", "none", say("no_answer")));
      } else {
        const unit = task.unit[root.dataset.lang];
        told.append(make("div", "figure", score.toFixed(3) + unit));
        if (answer) told.append(passage("answer", answer));
      }
      if (reasoning) {
        const fold = make("details");
        fold.append(make("summary", "", say("reasoning")), passage("answer", reasoning));
        told.append(fold);
      }
      answers.append(term, told);
    }
    item.append(question, answers);
    return item;
  };

  const fillSlices = (task) => {
    const labels = [...new Set(task.rows.flatMap((row) => row[1]))].sort();
    const options = labels.map((label) => new Option(label, label));
    box("slice").replaceChildren(new Option(say("slice_all"), ""), ...options);
    box("slice").value = state.slice;
    box("slice").hidden = labels.length === 0;
  };

  const choose = (changes) => {
    Object.assign(state, changes, { page: 0 });
    render();
  };

  // A choice for each contender, for groups such as "A right, B and C wrong".
  const fillOwn = (task) => {
    const marks = [
      ["either", null],
      ["right", 1],
      ["wrong", 0],
    ];
    box("own").hidden = !task.graded || (task.keys.length === 2 && state.filter !== -1);
    const focused = [...box("own").children].indexOf(document.activeElement);
    const selects = task.keys.map((key, i) => {
      const select = make("select");
      const mark = state.filter === -1 ? state.own[i] : null;
      if (mark !== null) select.className = `of-${key.toLowerCase()}`;
      select.append(...marks.map(([word]) => new Option(`${key} ${say(word)}`, word)));
      select.value = marks.find(([, value]) => value === mark)[0];
      select.setAttribute("aria-label", key);
      select.addEventListener("change", () => {
        const own = state.filter === -1 ? [...state.own] : task.keys.map(() => null);
        own[i] = marks.find(([word]) => word === select.value)[1];
        choose({ filter: -1, own });
      });
      return select;
    });
    box("own").replaceChildren(...selects);
    if (focused >= 0) selects[focused]?.focus();
  };

  const render = () => {
    const task = tasks[state.task];
    const hits = task.rows.filter(
      (row) =>
        (!state.slice || row[1].includes(state.slice)) &&
        (!state.query || haystack(row).includes(state.query)),
    );
    fillSlices(task);
    const groups = task.filters.map((group) => hits.filter((row) => fits(task, row, group)));
    if (state.filter === null) {
      state.filter = Math.max(
        0,
        groups.findIndex((rows) => rows.length),
      );
    }
    const focused = [...box("filters").children].indexOf(document.activeElement);
    box("filters").replaceChildren(
      ...task.filters.map((group, i) => {
        const button = make("button", "filter", group.label[root.dataset.lang]);
        if (group.colour) button.classList.add(`of-${group.colour}`);
        button.type = "button";
        button.setAttribute("aria-pressed", String(i === state.filter));
        button.append(make("span", "count", groups[i].length.toLocaleString("en-US")));
        button.addEventListener("click", () => choose({ filter: i }));
        return button;
      }),
    );
    box("filters").children[focused]?.focus();
    fillOwn(task);
    let rows = groups[state.filter] ?? hits.filter((row) => fits(task, row, ownGroup(task)));
    if (!task.graded) rows = [...rows].sort((x, y) => spread(task, y) - spread(task, x));
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    state.page = Math.min(state.page, pages - 1);
    const first = state.page * PAGE;
    const shown = rows.slice(first, first + PAGE);
    box("list").replaceChildren(...shown.map((row) => card(task, row)));
    box("found").textContent = rows.length
      ? say("found", { from: first + 1, to: first + shown.length, count: rows.length })
      : say("nothing_found");
    box("previous").disabled = state.page === 0;
    box("next").disabled = state.page >= pages - 1;
  };
  const turn = (by) => {
    state.page += by;
    render();
    box("top").scrollIntoView({ block: "start" });
  };

  // `#task=NAME&right=A&wrong=B,C` leads straight to a group.
  const follow = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const found = tasks.findIndex((task) => task.task === asked.get("task"));
    if (found >= 0) Object.assign(state, { task: found, filter: null, slice: "", page: 0 });
    const task = tasks[state.task];
    const [right, wrong] = ["right", "wrong"].map((word) => (asked.get(word) || "").split(","));
    const own = task.keys.map((key) => (right.includes(key) ? 1 : wrong.includes(key) ? 0 : null));
    if (own.some((mark) => mark !== null)) Object.assign(state, { filter: -1, own, page: 0 });
    box("task").value = String(state.task);
  };

  if (tasks.length) {
    const picker = box("task");
    picker.append(...tasks.map((task, i) => new Option(task.task, String(i))));
    follow();
    onLanguage(render);
    addEventListener("hashchange", () => {
      follow();
      render();
    });
    picker.addEventListener("change", () => {
      choose({ task: Number(picker.value), filter: null, slice: "" });
    });
    box("slice").addEventListener("change", () => choose({ slice: box("slice").value }));
    let waiting = 0;
    box("search").addEventListener("input", (event) => {
      clearTimeout(waiting);
      const query = event.target.value.trim().toLowerCase();
      waiting = setTimeout(() => choose({ query }), 120);
    });
    box("previous").addEventListener("click", () => turn(-1));
    box("next").addEventListener("click", () => turn(1));
  }
})();
