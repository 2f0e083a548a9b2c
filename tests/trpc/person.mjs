// Somebody signed in, without a browser.

let count = 0;

export class Person {
  static async signIn(url, email = `person-${process.pid}-${(count += 1)}@example.org`) {
    const post = async (path, body) => {
      const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      return { response, json: await response.json() };
    };
    const { json: { code } } = await post('/login', { email });
    const { response, json: { personId } } = await post('/login/verify', { email, code });
    return Object.assign(new Person(), { id: personId, cookie: response.headers.get('set-cookie').split(';')[0] });
  }

  get bearer() {
    return `Bearer ${this.cookie.slice('session='.length)}`;
  }
}
