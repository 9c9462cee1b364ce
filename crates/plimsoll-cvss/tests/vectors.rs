//! Published vectors and their scores.

use plimsoll_cvss::score;

#[test]
fn published_vectors_come_to_their_published_scores() {
    let table = include_str!("../testdata/vectors.txt");
    let mut count = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let [vector, published, whose] = words[..] else { panic!("no vector: {line}") };
        let scored = score(vector).unwrap();
        assert_eq!(scored.score.to_string(), published, "{vector} of {whose}");
        let version = vector.strip_prefix("CVSS:").map_or("2.0", |rest| &rest[..3]);
        assert_eq!(scored.version.as_str(), version, "{vector}");
        count += 1;
    }
    assert!(count >= 40, "{count} lines");
}
