//! The modules of the crates use each other in one direction only. A circle of files can be read from nowhere, and each of them can
//! be moved only with all the others.
//!
//! What a file uses is found by its paths: those that begin with `crate`, `self`, `super` or the name of a module within it. A path
//! through a module that only hands something on (`pub use`) is a use of the file that has it. Tests and test support are left out.
//! A module and the parts in its own folder may know each other: they are read together.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use self::source::Source;

/// A module's path within its crate: empty for `lib.rs`.
type Module = Vec<String>;
/// A path in the source, such as `crate::errors::Problem`.
type Name = Vec<String>;

/// The crates that are held to this.
const CRATES: [&str; 5] = [
    "webhook-verify",
    "webhook-domain",
    "webhook-front-actix",
    "webhook-http-actix",
    "webhook-console-actix",
];

#[test]
fn no_modules_use_each_other_in_a_circle() {
    for name in CRATES {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../crates")
            .join(name)
            .join("src");
        let mut sources = BTreeMap::new();
        read(&root, &mut Vec::new(), &mut sources);
        assert!(sources.len() > 5, "{name} is not where it was");
        let circles = circles(&uses(&sources));
        assert!(circles.is_empty(), "{name}: {circles:#?}");
    }
}

/// The source of each module in `folder`, which is the module `within`.
fn read(folder: &Path, within: &mut Module, sources: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("its entries are readable").path();
        let name = path
            .file_stem()
            .and_then(|name| name.to_str())
            .expect("names are UTF-8");
        if ["tests", "testing"].contains(&name) {
            continue;
        }
        within.push(name.to_owned());
        if path.is_dir() {
            read(&path, within, sources);
        } else {
            let module = if name == "lib" { Vec::new() } else { within.clone() };
            sources.insert(module, fs::read_to_string(&path).expect("the source is readable"));
        }
        within.pop();
    }
}

/// Which modules each module uses, and by which name.
fn uses(sources: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeMap<Module, String>> {
    let parsed: BTreeMap<&Module, Source> = sources
        .iter()
        .map(|(module, text)| (module, Source::of(text)))
        .collect();
    let handed_on: BTreeMap<&Module, BTreeMap<String, Name>> = parsed
        .iter()
        .map(|(module, source)| {
            let names = source.handed_on.iter().filter_map(|name| {
                let target = absolute(name, module, sources)?;
                Some((target.last()?.clone(), target))
            });
            (*module, names.collect())
        })
        .collect();
    let mut all = BTreeMap::new();
    for (module, source) in &parsed {
        let mut used = BTreeMap::new();
        for name in &source.names {
            let Some(target) = absolute(name, module, sources) else {
                continue;
            };
            let target = owner(target, &handed_on);
            // What `lib.rs` has itself stands below everything.
            if target != **module && !target.is_empty() {
                used.insert(target, name.join("::"));
            }
        }
        all.insert((*module).clone(), used);
    }
    all
}

/// The path of `name` from the crate's root, if it stays within the crate.
fn absolute(name: &Name, module: &Module, sources: &BTreeMap<Module, String>) -> Option<Name> {
    let rest = |from: usize| name[from..].to_vec();
    match name.first()?.as_str() {
        "crate" => Some(rest(1)),
        "self" => Some([module.clone(), rest(1)].concat()),
        "super" => {
            let up = name.iter().take_while(|part| *part == "super").count();
            let kept = module.len().checked_sub(up)?;
            Some([module[..kept].to_vec(), rest(up)].concat())
        }
        first => {
            let inner = [module.as_slice(), &[first.to_owned()]].concat();
            sources
                .contains_key(&inner)
                .then(|| [module.clone(), rest(0)].concat())
        }
    }
}

/// The module that has what `name` stands for, past those that only hand it on.
fn owner(mut name: Name, handed_on: &BTreeMap<&Module, BTreeMap<String, Name>>) -> Module {
    for _ in 0..handed_on.len() {
        let (module, rest) = (0..=name.len())
            .rev()
            .map(|length| name.split_at(length))
            .find(|(module, _)| handed_on.contains_key(&module.to_vec()))
            .expect("lib.rs is always there");
        let module = module.to_vec();
        match rest.first().and_then(|first| handed_on[&module].get(first)) {
            Some(target) if *target != name => name = [target.clone(), rest[1..].to_vec()].concat(),
            _ => return module,
        }
    }
    name
}

/// The circles: sets of modules each of which uses, over others or by itself, all the rest. One that is a module and its own parts
/// is none.
fn circles(uses: &BTreeMap<Module, BTreeMap<Module, String>>) -> Vec<Vec<String>> {
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        uses.keys().map(|from| (from, reached(from, uses))).collect();
    let mut found = BTreeSet::new();
    for (module, of_module) in &reached {
        let circle: Vec<&Module> = of_module
            .iter()
            .copied()
            .filter(|other| reached[other].contains(module))
            .collect();
        let top = circle.iter().min_by_key(|module| module.len());
        let is_one_folder = top.is_none_or(|top| circle.iter().all(|module| module.starts_with(top)));
        if circle.len() > 1 && !is_one_folder {
            let edges = circle.iter().flat_map(|from| {
                let within = uses[*from].iter().filter(|(to, _)| circle.contains(to));
                within.map(|(to, name)| format!("{} -> {} by {name}", from.join("::"), to.join("::")))
            });
            found.insert(edges.collect());
        }
    }
    found.into_iter().collect()
}

/// All modules that `from` uses, over others too.
fn reached<'a>(
    from: &'a Module,
    uses: &'a BTreeMap<Module, BTreeMap<Module, String>>,
) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(module) = next.pop() {
        for used in uses.get(module).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(used) {
                next.push(used);
            }
        }
    }
    reached
}

fn found_in(sources: &[(&str, &str)]) -> Vec<Vec<String>> {
    let module = |path: &str| {
        path.split("::")
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let sources: BTreeMap<Module, String> = sources
        .iter()
        .map(|(path, text)| (module(path), (*text).to_owned()))
        .collect();
    circles(&uses(&sources))
}

#[test]
fn a_circle_is_found_however_the_paths_are_written() {
    for back in [
        "use crate::a::Thing;",
        "use crate::{z, a::{Thing, Other}};",
        "use super::a::Thing;",
        "use crate::a;",
        "use crate::a::{self, Thing};",
        "fn f(x: crate::a::Thing) {}",
        "use crate::Thing;",
        "#[cfg(test)] use std::fmt; const QUOTE: char = '\"'; use crate::a::Thing;",
    ] {
        let circle = found_in(&[
            ("", "mod a; mod b; pub use a::Thing;"),
            ("a", "use crate::b;"),
            ("b", back),
            ("z", ""),
        ]);
        assert_eq!(circle.len(), 1, "{back}: {circle:?}");
    }
    let over_three = [
        ("", ""),
        ("a", "use crate::b::X;"),
        ("b", "use crate::c::X;"),
        ("c", "use crate::a::X;"),
    ];
    assert_eq!(found_in(&over_three).len(), 1);
}

#[test]
fn what_is_no_use_makes_no_circle() {
    for harmless in [
        "",
        "// use crate::a::Thing;",
        "/// See [`crate::a::Thing`].",
        "const TEXT: &str = \"crate::a::Thing\";",
        "const TEXT: &str = r#\"\" crate::a::Thing\"#;",
        "use other::a::Thing;",
        "use crate::Constant;",
        "pub(in crate::a) struct Thing;",
        "#[cfg(test)] mod tests { use crate::a::Thing; }",
    ] {
        let sources = [
            ("", "mod a; mod b; const Constant: u8 = 0;"),
            ("a", "use crate::b;"),
            ("b", harmless),
        ];
        let circles = found_in(&sources);
        assert!(circles.is_empty(), "{harmless}: {circles:?}");
    }
}

#[test]
fn a_module_that_hands_on_what_its_parts_have_is_not_used_for_it() {
    let face = "mod inner; mod other; pub(crate) use inner::{Thing, Else as Renamed}; pub(crate) use self::other::Other;";
    let through_the_face = [
        ("", "mod a;"),
        ("a", face),
        ("a::inner", ""),
        ("a::other", "use super::Thing;"),
        ("b", "use crate::a::Thing;"),
    ];
    assert!(found_in(&through_the_face).is_empty());
    // Its parts and itself may know each other, but not over a stranger.
    let one_folder = [
        ("", ""),
        ("a", "mod inner; struct State; fn f() { inner::f(); }"),
        ("a::inner", "use super::State;"),
    ];
    assert!(found_in(&one_folder).is_empty());
    let over_a_stranger = [
        ("", ""),
        ("a", "mod inner; struct State; fn f() { inner::f(); }"),
        ("a::inner", "use crate::b::X;"),
        ("b", "use crate::a::State;"),
    ];
    assert_eq!(found_in(&over_a_stranger).len(), 1);
}
