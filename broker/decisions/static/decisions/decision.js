// Ticking a line chooses "the lines ticked"; one box ticks the page. Everything works without this file.
"use strict";

const form = document.querySelector(".decide-form");
const all = document.getElementById("tick-page");
if (form && all) {
  const boxes = [...form.querySelectorAll("input[name=line]")];
  const ticked = form.querySelector("input[name=scope][value=ticked]");
  const sync = () => {
    const count = boxes.filter((box) => box.checked).length;
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  };
  all.hidden = boxes.length === 0;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    ticked.checked = true;
    sync();
  });
  for (const box of boxes) {
    box.addEventListener("change", () => {
      ticked.checked = true;
      sync();
    });
  }
  sync();
}
