//! Databases that cannot hold every text.

use webhook_tests::{Backend, Deployment};

#[test]
fn a_database_in_another_encoding_than_utf_8_is_refused_at_the_start() {
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let mut deployment = Deployment::new(Backend::Postgres);
        let database = deployment.database().expect("it is on PostgreSQL");
        let name = format!("{}_other", database.url().rsplit('/').next().expect("a name"));
        database.execute(&format!(
            "CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
        ));
        let url = format!("{}_other", database.url());
        deployment.set("WEBHOOK_DATABASE_URL", &url);
        let ended = deployment.serve_in_vain();
        let dropped = deployment.database().expect("it is on PostgreSQL");
        dropped.execute(&format!("DROP DATABASE {name}"));
        assert_eq!(ended.code(), 2, "{}", ended.output());
        assert!(
            ended.output().contains(encoding) && ended.output().contains("UTF8"),
            "{}",
            ended.output()
        );
    }
}
