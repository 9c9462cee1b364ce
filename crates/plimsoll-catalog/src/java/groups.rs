//! Groups of artifacts whose builds put no Maven coordinates into the archive.
//!
//! Each row is a fact that can be looked up: artifacts of this name that hold classes in this folder are published
//! under this group. Both must hold, so another archive of the same file name is not taken for it. Order matters: the
//! first row that holds counts.

/// The folder of a class; the start (`spring-boot*`) or whole of the artifact in the file's name; the group, with the
/// artifact where it is published under another name.
const KNOWN: &[(&str, &str, &str)] = &[
    ("org/springframework/boot/", "spring-boot*", "org.springframework.boot"),
    ("org/springframework/security/", "spring-security-*", "org.springframework.security"),
    ("org/springframework/session/", "spring-session-*", "org.springframework.session"),
    ("org/springframework/kafka/", "spring-kafka*", "org.springframework.kafka"),
    ("org/springframework/amqp/", "spring-amqp", "org.springframework.amqp"),
    ("org/springframework/amqp/", "spring-rabbit*", "org.springframework.amqp"),
    ("org/springframework/integration/", "spring-integration-*", "org.springframework.integration"),
    ("org/springframework/graphql/", "spring-graphql*", "org.springframework.graphql"),
    ("org/springframework/aop/", "spring-aop", "org.springframework"),
    ("org/springframework/scheduling/aspectj/", "spring-aspects", "org.springframework"),
    ("org/springframework/beans/", "spring-beans", "org.springframework"),
    ("org/springframework/context/", "spring-context", "org.springframework"),
    ("org/springframework/context/", "spring-context-indexer", "org.springframework"),
    ("org/springframework/mail/", "spring-context-support", "org.springframework"),
    ("org/springframework/core/", "spring-core", "org.springframework"),
    ("org/springframework/expression/", "spring-expression", "org.springframework"),
    ("org/springframework/instrument/", "spring-instrument", "org.springframework"),
    ("org/apache/commons/logging/", "spring-jcl", "org.springframework"),
    ("org/springframework/jdbc/", "spring-jdbc", "org.springframework"),
    ("org/springframework/jms/", "spring-jms", "org.springframework"),
    ("org/springframework/messaging/", "spring-messaging", "org.springframework"),
    ("org/springframework/orm/", "spring-orm", "org.springframework"),
    ("org/springframework/oxm/", "spring-oxm", "org.springframework"),
    ("org/springframework/r2dbc/", "spring-r2dbc", "org.springframework"),
    ("org/springframework/test/", "spring-test", "org.springframework"),
    ("org/springframework/dao/", "spring-tx", "org.springframework"),
    ("org/springframework/web/", "spring-web", "org.springframework"),
    ("org/springframework/web/reactive/", "spring-webflux", "org.springframework"),
    ("org/springframework/web/servlet/", "spring-webmvc", "org.springframework"),
    ("org/springframework/web/socket/", "spring-websocket", "org.springframework"),
    ("io/micrometer/", "micrometer-*", "io.micrometer"),
    ("reactor/core/", "reactor-core", "io.projectreactor"),
    ("reactor/netty/", "reactor-netty*", "io.projectreactor.netty"),
    ("io/grpc/", "grpc-*", "io.grpc"),
    ("okhttp3/", "okhttp*", "com.squareup.okhttp3"),
    ("okhttp3/", "logging-interceptor", "com.squareup.okhttp3"),
    ("okio/", "okio*", "com.squareup.okio"),
    ("kotlin/", "kotlin-*", "org.jetbrains.kotlin"),
    ("kotlinx/coroutines/", "kotlinx-coroutines-*", "org.jetbrains.kotlinx"),
    ("org/hibernate/validator/", "hibernate-validator*", "org.hibernate.validator"),
    ("org/bouncycastle/", "bcprov-*", "org.bouncycastle"),
    ("org/bouncycastle/", "bcpkix-*", "org.bouncycastle"),
    ("org/bouncycastle/", "bcutil-*", "org.bouncycastle"),
    ("org/bouncycastle/", "bcpg-*", "org.bouncycastle"),
    ("org/bouncycastle/", "bctls-*", "org.bouncycastle"),
    ("org/bouncycastle/", "bcmail-*", "org.bouncycastle"),
    ("org/elasticsearch/", "elasticsearch", "org.elasticsearch"),
    ("org/apache/lucene/", "lucene-*", "org.apache.lucene"),
    ("org/apache/kafka/", "kafka-clients", "org.apache.kafka"),
    ("org/apache/kafka/", "kafka-streams*", "org.apache.kafka"),
    ("org/apache/catalina/", "tomcat-embed-core", "org.apache.tomcat.embed"),
    ("org/apache/el/", "tomcat-embed-el", "org.apache.tomcat.embed"),
    ("org/apache/tomcat/websocket/", "tomcat-embed-websocket", "org.apache.tomcat.embed"),
    ("org/apache/catalina/ha/", "catalina-ha", "org.apache.tomcat:tomcat-catalina-ha"),
    ("org/apache/catalina/tribes/", "catalina-tribes", "org.apache.tomcat:tomcat-tribes"),
    ("org/apache/catalina/", "catalina", "org.apache.tomcat:tomcat-catalina"),
    ("org/apache/jasper/", "jasper", "org.apache.tomcat:tomcat-jasper"),
    ("org/apache/coyote/", "tomcat-coyote", "org.apache.tomcat"),
    ("org/apache/tomcat/", "tomcat-*", "org.apache.tomcat"),
    ("junit/framework/", "junit", "junit"),
    ("org/hamcrest/", "hamcrest*", "org.hamcrest"),
    ("org/apache/log4j/", "log4j", "log4j"),
    ("org/apache/commons/beanutils/", "commons-beanutils", "commons-beanutils"),
    ("org/apache/commons/cli/", "commons-cli", "commons-cli"),
    ("org/apache/commons/collections/", "commons-collections", "commons-collections"),
    ("org/apache/commons/digester/", "commons-digester", "commons-digester"),
    ("org/apache/commons/fileupload/", "commons-fileupload", "commons-fileupload"),
    ("org/apache/commons/httpclient/", "commons-httpclient", "commons-httpclient"),
    ("org/apache/commons/logging/", "commons-logging", "commons-logging"),
    ("org/apache/commons/validator/", "commons-validator", "commons-validator"),
    ("org/apache/velocity/", "velocity", "org.apache.velocity"),
];

/// Number of rows, for a set of those whose folder was seen.
pub(super) const ROWS: usize = KNOWN.len();

/// The rows whose folder this class lies in.
pub(super) fn rows_of_class(path: &str) -> impl Iterator<Item = usize> {
    (0..ROWS).filter(move |&row| path.starts_with(KNOWN[row].0))
}

/// Group and artifact of a file of this name, given which rows' folders were seen.
pub(super) fn published_as<'a>(artifact: &'a str, seen: &[bool]) -> Option<(&'static str, &'a str)> {
    let mut rows = KNOWN.iter().zip(seen).filter(|(_, seen)| **seen);
    rows.find_map(|((_, pattern, published), _)| {
        let fits = match pattern.strip_suffix('*') {
            Some(start) => artifact.starts_with(start),
            None => artifact == *pattern,
        };
        fits.then(|| published.split_once(':').unwrap_or((published, artifact)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(artifact: &str, class: &str) -> Option<String> {
        let mut seen = vec![false; ROWS];
        rows_of_class(class).for_each(|row| seen[row] = true);
        published_as(artifact, &seen).map(|(group, artifact)| format!("{group}:{artifact}"))
    }

    #[test]
    fn name_and_folder_must_both_hold() {
        for (artifact, class, expected) in [
            (
                "spring-beans",
                "org/springframework/beans/BeanWrapper.class",
                Some("org.springframework:spring-beans"),
            ),
            ("spring-boot", "org/springframework/boot/A.class", Some("org.springframework.boot:spring-boot")),
            ("catalina", "org/apache/catalina/A.class", Some("org.apache.tomcat:tomcat-catalina")),
            ("spring-beans", "com/example/A.class", None),
            ("beans", "org/springframework/beans/A.class", None),
            ("", "", None),
        ] {
            assert_eq!(published(artifact, class).as_deref(), expected, "{artifact} {class}");
        }
        assert_eq!(published_as("spring-core", &[]), None);
    }
}
