//! What was probably meant by a name that there is not.

/// The end of a sentence that says that there is no `name`: the nearest of `names`, or else all of them.
pub(super) fn instead_of<Name: AsRef<str>>(name: &str, names: &[Name]) -> String {
    let nearest = names
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known.as_ref()), known))
        .filter(|(likeness, _)| *likeness > LIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((_, known)) => format!("; did you mean {}?", known.as_ref()),
        None => {
            let names: Vec<_> = names.iter().map(AsRef::as_ref).collect();
            format!("; there are {}", names.join(", "))
        }
    }
}

/// From how much likeness on one name is taken for another that was misspelt.
const LIKE: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_gets_the_one_that_was_meant_and_another_gets_all() {
        let names = ["listen", "database_url", "master_key", "master_key_file"];
        for (wrong, meant) in [
            ("listn", "listen"),
            ("databse_url", "database_url"),
            ("database-url", "database_url"),
            ("masterkey", "master_key"),
            ("master_keyfile", "master_key_file"),
        ] {
            assert_eq!(instead_of(wrong, &names), format!("; did you mean {meant}?"));
        }
        assert_eq!(
            instead_of("colour", &names),
            "; there are listen, database_url, master_key, master_key_file"
        );
    }
}
