// The item browser: every item with all answers, in groups, searched and paged.
(() => {
  "use strict";
  const { root, read, say, make, onLanguage } = page;
  // A row is [id, slices, input, expected, answer A, right A, score A, answer B, ...].
  const tasks = read("items");
  const WIDTH = 4; // answer, right, score, reasoning
  const sidesOf = (task) => task.keys.map((letter, i) => ({ letter, at: 4 + WIDTH * i }));
  const PAGE = 20;
  const LONG = 420;
  const LINES = 8;
  const state = { task: 0, filter: null, query: "", slice: "", page: 0 };
  const box = (id) => document.getElementById(`items-${id}`);

  const ahead = (task, row) => (task.higher ? 1 : -1) * (row[6] - row[10]);
  const FILTERS = {
    graded: {
      filter_a: (_, row) => row[5] && !row[9],
      filter_b: (_, row) => !row[5] && row[9],
      filter_none: (_, row) => !row[5] && !row[9],
      filter_all: () => true,
    },
    scored: {
      filter_a_score: (task, row) => ahead(task, row) > 0,
      filter_b_score: (task, row) => ahead(task, row) < 0,
      filter_all: () => true,
    },
  };
  const rights = (task, row) => sidesOf(task).map(({ at }) => row[at + 1]);
  const MANY = {
    filter_differ: (task, row) => new Set(rights(task, row)).size > 1,
    filter_none: (task, row) => rights(task, row).every((right) => !right),
    filter_all: () => true,
  };
  const filtersOf = (task) => {
    if (task.keys.length > 2) return task.graded ? MANY : { filter_all: MANY.filter_all };
    return task.graded ? FILTERS.graded : FILTERS.scored;
  };
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
    for (const { letter, at } of sidesOf(task)) {
      const [answer, right, score, reasoning] = row.slice(at, at + WIDTH);
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

  const render = () => {
    const task = tasks[state.task];
    const filters = filtersOf(task);
    const hits = task.rows.filter(
      (row) =>
        (!state.slice || row[1].includes(state.slice)) &&
        (!state.query || haystack(row).includes(state.query)),
    );
    fillSlices(task);
    const groups = Object.entries(filters).map(([key, test]) => [
      key,
      hits.filter((row) => test(task, row)),
    ]);
    if (!(state.filter in filters)) {
      state.filter = (groups.find(([, rows]) => rows.length) || groups[0])[0];
    }
    box("filters").replaceChildren(
      ...groups.map(([key, rows]) => {
        const button = make("button", `filter ${key}`, say(key));
        button.type = "button";
        button.setAttribute("aria-pressed", String(key === state.filter));
        button.append(make("span", "count", rows.length.toLocaleString("en-US")));
        button.addEventListener("click", () => {
          state.filter = key;
          state.page = 0;
          render();
          box("filters").querySelector(`.${key}`).focus();
        });
        return button;
      }),
    );
    let rows = groups.find(([key]) => key === state.filter)[1];
    if (!task.graded && task.keys.length === 2) {
      rows = [...rows].sort((x, y) => Math.abs(ahead(task, y)) - Math.abs(ahead(task, x)));
    }
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

  if (tasks.length) {
    onLanguage(render);
    const picker = box("task");
    picker.append(...tasks.map((task, i) => new Option(task.task, String(i))));
    picker.addEventListener("change", () => {
      Object.assign(state, { task: Number(picker.value), filter: null, slice: "", page: 0 });
      render();
    });
    box("slice").addEventListener("change", () => {
      Object.assign(state, { slice: box("slice").value, page: 0 });
      render();
    });
    let waiting = 0;
    box("search").addEventListener("input", (event) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        Object.assign(state, { query: event.target.value.trim().toLowerCase(), page: 0 });
        render();
      }, 120);
    });
    box("previous").addEventListener("click", () => turn(-1));
    box("next").addEventListener("click", () => turn(1));
  }
})();
