/**
 * The one script that a shop's page has:
 *
 *     <script type="module" src="https://chat.example/widget.js" data-site-key="site_…"></script>
 *
 * It reads its own tag and loads the widget from where it came from. The same file works as a
 * classic `async` script, which is why nothing is imported or exported at its top.
 */

{
  const own = document.currentScript ?? document.querySelector('script[data-site-key][src*="widget.js"]');
  if (own instanceof HTMLScriptElement && own.src) {
    const { href } = new URL("web/widget/launcher.js", own.src);
    import(href)
      .then((widget) => widget.launch(own))
      .catch((error) => console.error("The chat widget could not be started.", error));
  } else {
    console.error("The chat widget found no script tag with data-site-key.");
  }
}
