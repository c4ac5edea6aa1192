//! What pages are made of beside HTML, in the binary: served under names that change with the content, so that browsers keep it for good.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header;
use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

/// Where they are.
pub(crate) const FOLDER: &str = "/console/assets";

/// A file.
pub(crate) struct Asset {
    /// Its name, with the beginning of its SHA-256 in it.
    name: String,
    content_type: &'static str,
    content: &'static [u8],
}

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, content: &'static [u8]) -> Self {
        let hash = digest(&SHA256, content);
        let hash = HEXLOWER.encode(&hash.as_ref()[..8]);
        Self {
            name: format!("{stem}.{hash}.{extension}"),
            content_type,
            content,
        }
    }

    /// Its path.
    pub(crate) fn path(&self) -> String {
        format!("{FOLDER}/{}", self.name)
    }

    /// The file itself.
    pub(crate) fn answer(&self) -> HttpResponse {
        HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, self.content_type))
            .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
            .body(self.content)
    }
}

/// The files that pages name.
pub(crate) struct Assets {
    pub(crate) style: Asset,
    pub(crate) htmx: Asset,
    pub(crate) script: Asset,
    pub(crate) icon: Asset,
}

/// All of them.
pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    style: Asset::new(
        "console",
        "css",
        "text/css; charset=utf-8",
        include_bytes!("../assets/console.css"),
    ),
    htmx: Asset::new(
        "htmx",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../assets/htmx-2.0.11.min.js"),
    ),
    script: Asset::new(
        "console",
        "js",
        "text/javascript; charset=utf-8",
        include_bytes!("../assets/console.js"),
    ),
    icon: Asset::new(
        "icon",
        "svg",
        "image/svg+xml",
        include_bytes!("../assets/icon.svg"),
    ),
});

/// The one with this name.
pub(crate) fn named(name: &str) -> Option<&'static Asset> {
    let Assets {
        style,
        htmx,
        script,
        icon,
    } = &*ASSETS;
    [style, htmx, script, icon]
        .into_iter()
        .find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `dist/htmx.min.js` in the package `htmx.org` 2.0.11 of npm.
    const HTMX: &str = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717";

    #[test]
    fn htmx_is_the_file_of_its_release() {
        let hash = digest(&SHA256, ASSETS.htmx.content);
        assert_eq!(HEXLOWER.encode(hash.as_ref()), HTMX);
        assert!(ASSETS.htmx.name.starts_with("htmx.") && ASSETS.htmx.name.contains(&HTMX[..16]));
    }

    #[test]
    fn a_file_has_one_name() {
        let name = &ASSETS.style.name;
        assert!(named(name).is_some());
        for other in ["console.css", "console.0000000000000000.css", "", "../lib.rs"] {
            assert!(named(other).is_none(), "{other}");
        }
    }
}
