// What HTML cannot do alone: copy a command, pick all boxes, reach the search field by "/", show the current page in a narrow menu.
document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    navigator.clipboard?.writeText(copy.dataset.copy).then(() => {
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
  }
});
document.addEventListener("change", (event) => {
  const all = event.target.closest("[data-all]");
  if (all) {
    document.querySelectorAll(`input[name="${all.dataset.all}"]`).forEach((box) => { box.checked = all.checked; });
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea, select")) {
    const field = document.querySelector("main input[type=search]");
    if (field) { event.preventDefault(); field.focus(); }
  }
});
document.addEventListener("DOMContentLoaded", () => {
  const here = document.querySelector(".side nav [aria-current]");  // scrollIntoView would move where Tab begins
  if (here) { here.parentElement.scrollLeft = here.offsetLeft - here.parentElement.clientWidth / 2; }
});
